"""Every check of a stack: what it asks, and who decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from serving.preflight import api_server, instances, machine, people, place, quota, ready, versions
from serving.preflight.account import Account
from serving.preflight.finding import Finding, failed
from serving.preflight.once import Once
from serving.preflight.people import Caller
from serving.preflight.place import Vpc
from serving.preflight.quota import Quota
from serving.preflight.run import Check
from serving.preflight.stack import Stack
from serving.preflight.unanswered import LOG_IN, refused


def checks(stack: Stack, account: Account) -> Sequence[Check]:
    caller, vpcs = Once(account.caller), Once(account.vpcs)
    return [
        *_place(stack, account, caller),
        *_network(stack, account, vpcs),
        *_quotas(stack, account, vpcs),
        *_nodes(stack, account),
        *_versions(stack, account),
        *_people(stack, account, caller),
        *_ready(stack, account),
    ]


def _place(stack: Stack, account: Account, caller: Callable[[], Caller]) -> Iterator[Check]:
    settings = stack.settings

    def credentials() -> Sequence[Finding]:
        try:
            return people.credentials(caller())
        except Exception as error:
            if said := refused(error):
                return [failed("the caller", said, LOG_IN)]
            raise

    yield Check(name="credentials", about="the caller", look=credentials)
    yield Check(
        name="region",
        about=settings.region,
        look=lambda: place.region(stack, account.regions()),
    )
    yield Check(
        name="zones",
        about=", ".join(settings.zones),
        look=lambda: place.zones(stack, account.zones()),
    )


def _network(stack: Stack, account: Account, vpcs: Callable[[], Sequence[Vpc]]) -> Iterator[Check]:
    def reach() -> Sequence[Finding]:
        host = account.endpoint(stack.name)
        there = machine.endpoint(host) if host else None
        return api_server.reach(stack, there, machine.public_address())

    yield Check(
        name="network",
        about=f"{stack.settings.network.cidr}",
        look=lambda: place.network(stack, vpcs()),
    )
    yield Check(name="API server", about=api_server.ABOUT, look=reach)


def _quotas(stack: Stack, account: Account, vpcs: Callable[[], Sequence[Vpc]]) -> Iterator[Check]:
    running = Once(account.instances)

    def others(all_tags: Sequence[Mapping[str, str]]) -> int:
        return sum(not stack.owns(tags) for tags in all_tags)

    def taken(wanted: Quota) -> int:
        match wanted:
            case quota.ADDRESSES:
                return others(account.addresses())
            case quota.BALANCERS:
                return others(account.load_balancers())
            case quota.VPCS:
                return others([vpc.tags for vpc in vpcs()])
        return quota.taken(stack, running()).get(wanted, 0)

    def look(wanted: Quota) -> Callable[[], Sequence[Finding]]:
        return lambda: [quota.enough(stack, wanted, account.limit(wanted), taken(wanted))]

    for wanted in quota.needs(stack.settings):
        yield Check(name="quota", about=wanted.name, look=look(wanted))
    if unplaced := list(quota.unplaced(stack.settings)):
        yield Check(name="quota", about="instance types", look=lambda: unplaced)


def _nodes(stack: Stack, account: Account) -> Iterator[Check]:
    pools = stack.settings.pools
    types = {kind for pool in pools.values() for kind in pool.instance_types}

    def reserved(pool: str, id_: str) -> Callable[[], Sequence[Finding]]:
        return lambda: [instances.reservation(stack, pool, account.reservation(id_))]

    yield Check(
        name="offer",
        about=", ".join(pools),
        look=lambda: instances.offer(stack, account.offers(types)),
    )
    for name, pool in pools.items():
        if pool.reservation:
            yield Check(name="reservation", about=name, look=reserved(name, pool.reservation))
    if instances.spot_pools(stack):
        yield Check(
            name="Spot",
            about=instances.SPOT_ROLE,
            look=lambda: instances.spot_role(stack, account.has_role(instances.SPOT_ROLE)),
        )


def _versions(stack: Stack, account: Account) -> Iterator[Check]:
    version = stack.settings.cluster.version
    about = f"Kubernetes {version}"
    yield Check(
        name="version",
        about=about,
        look=lambda: versions.kubernetes(stack, account.support(version)),
    )
    yield Check(
        name="add-ons",
        about=about,
        look=lambda: versions.add_ons(stack, account.add_ons(version)),
    )
    yield Check(name="charts", about="charts", look=lambda: versions.charts(stack))
    yield Check(name="tool", about="pulumi", look=lambda: versions.pulumi(machine.pulumi()))
    yield Check(name="tool", about="aws", look=lambda: versions.aws(machine.aws()))


def _people(stack: Stack, account: Account, caller: Callable[[], Caller]) -> Iterator[Check]:
    def exists(key: str, role: str) -> Callable[[], Sequence[Finding]]:
        return lambda: people.administrator(key, role, account.has_role(role))

    for key, role in stack.settings.cluster.administrators.items():
        yield Check(name="administrator", about=role, look=exists(key, role))
    yield Check(
        name="administrator",
        about="the caller",
        look=lambda: people.is_administrator(stack, caller()),
    )
    if stack.settings.github:
        yield Check(
            name="GitHub",
            about=people.GITHUB,
            look=lambda: people.github(stack, account.github(stack, caller().account)),
        )


def _ready(stack: Stack, account: Account) -> Iterator[Check]:
    def secret(key: str, name: str) -> Callable[[], Sequence[Finding]]:
        return lambda: ready.secret(stack, key, account.secret(name))

    yield Check(
        name="certificate",
        about=f"*.{stack.settings.gateway.domain}",
        look=lambda: ready.certificate(stack, account.certificates()),
    )
    for key in stack.settings.secrets:
        name = f"{stack.name}/{key}"
        yield Check(name="secret", about=name, look=secret(key, name))
