"""From the raw samples of a window to the window: counts, and what stands against judging them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from serving.promotion import preconditions as require
from serving.promotion.arm import Side, measured
from serving.promotion.increments import Raw
from serving.promotion.measurement import Arm, Unmet, Window
from serving.promotion.preconditions import Account
from serving.promotion.scrape import Scrape
from serving.promotion.tally import Tally


@dataclass(frozen=True, kw_only=True)
class Observed:
    sides: Mapping[str, Side]
    """By arm."""
    scrape: Scrape
    down: Mapping[str, tuple[Raw, ...]]
    """By query, the targets that are down."""
    past_gateway: Mapping[str, int]


def read(seen: Observed, window: Window, tally: Tally) -> tuple[Window, Tally]:
    if invalid := require.values_valid(seen.scrape):
        return replace(window, unmet=(invalid,)), replace(tally, accounts={})
    arms = {name: measured(side, seen.scrape) for name, side in seen.sides.items()}
    window = replace(window, canary=arms["canary"], stable=arms.get("stable"))

    unmet = _of_gateways(seen, window)
    blind = bool(unmet)
    if not blind:
        tally = _shared(window, tally)
        query = seen.sides["canary"].requests[0]
        unmet += require.unmet_among(
            require.share_agrees(tally.canary, tally.stable, window.weight, query)
        )
    accounts: dict[str, Account] = {}
    for name, side in seen.sides.items():
        found = _of_servers(seen, side, arms[name])
        if not found and not blind and not arms[name].restarts:
            now = _account(side, seen, name)
            accounts[name] = tally.accounts.get(name, Account()).plus(now)
            found = require.unmet_among(_agree(side, accounts[name], now))
        if not _fails(window.canary):
            unmet += found
    return replace(window, unmet=unmet), replace(tally, accounts=accounts)


def _of_gateways(seen: Observed, window: Window) -> tuple[Unmet, ...]:
    used = {"canary": window.weight > 0, "stable": window.weight < 100}
    unmet: tuple[Unmet, ...] = ()
    for name, side in seen.sides.items():
        scrape, requests = seen.scrape, side.requests
        edges = side.contract.observability.latency_edges_ms
        arm = window.canary if name == "canary" else window.stable or Arm()
        down = side.gateways_down
        unmet += require.unmet_among(
            require.series_present(scrape, requests) if used[name] else None,
            require.fresh(scrape, requests),
            require.unbroken(scrape, requests),
            require.targets_up(seen.down[down], down),
            require.edges_present(scrape, side.buckets, edges) if arm.counts.requests else None,
        )
    return tuple(dict.fromkeys(unmet))


def _shared(window: Window, tally: Tally) -> Tally:
    if window.stable is None or window.started < tally.share_from:
        return tally
    return replace(
        tally,
        canary=tally.canary + window.canary.counts.requests,
        stable=tally.stable + window.stable.counts.requests,
    )


def _of_servers(seen: Observed, side: Side, arm: Arm) -> tuple[Unmet, ...]:
    if side.servers is None or side.servers_down is None:
        return ()
    scrape, succeeded = seen.scrape, side.servers.succeeded
    return require.unmet_among(
        require.servers_scraped(_busy(arm), _pods(scrape.series[succeeded]), succeeded),
        require.fresh(scrape, [succeeded]),
        require.unbroken(scrape, [succeeded]),
        require.targets_up(seen.down[side.servers_down], side.servers_down),
    )


def _account(side: Side, seen: Observed, arm: str) -> Account:
    scrape, servers = seen.scrape, side.servers
    probes = scrape.quantity(side.contract, side.gateway.probes)
    return Account(
        tries=scrape.quantity(side.contract, side.gateway.tries),
        answered=scrape.quantity(side.contract, side.gateway.answered),
        helped=scrape.quantity(side.contract, side.gateway.helped),
        past_gateway=seen.past_gateway.get(arm, 0) + probes,
        served=round(sum(map(scrape.counted, (servers.succeeded, servers.failed))))
        if servers
        else 0,
    )


def _agree(side: Side, account: Account, now: Account) -> Unmet | None:
    return require.counters_agree(account, now, side.servers.succeeded) if side.servers else None


def _busy(arm: Arm) -> list[str]:
    return [pod for pod, counts in arm.pods.items() if counts.requests]


def _pods(series: Collection[Raw]) -> set[str]:
    return {raw.labels.get("pod", "") for raw in series}


def _fails(arm: Arm) -> bool:
    """So badly that the gateway's word is enough: servers that are gone count nothing."""
    return 0 < arm.counts.requests <= 2 * arm.counts.errors
