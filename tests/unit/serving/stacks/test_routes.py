"""TRF: the way to a model in the mesh is the one that the local gateway has."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from components.gateway import Gateway
from components.model_route import ModelRoute
from serving import catalog
from serving.errors import InputError
from serving.gateway import filters, limits
from serving.gateway import routes as local
from serving.settings import Release
from serving.settings.identity import Identity
from serving.stacks import routes
from serving.stacks.program import build
from tests.conftest import Graph, synthesise
from tests.contracts import changed, contract
from tests.unit import rendered, stacks
from tests.unit.components.installing import INTERNET, installed
from tests.unit.components.network import Pod, allowed
from tests.unit.serving.gateway.gateways import NAMES, gateway, served, tenant, virtual_hosts

DOMAIN = "inference.example.com"
ISSUER = "https://identity.example.com"
IDENTITY = Identity(issuer=ISSUER, audience="models", jwks=f"{ISSUER}/keys")
EVERY_MODEL = pytest.mark.parametrize("name", NAMES)


def rules(name: str, **release: Any) -> list[dict[str, Any]]:
    """Of the mesh."""
    args = routes.route(contract(name), Release(**release), DOMAIN, ISSUER)
    graph = synthesise(lambda: ModelRoute(name, args))
    assert rendered.wrong_objects(graph) == []
    found: list[dict[str, Any]] = rendered.objects(graph, "VirtualService")[name]["spec"]["http"]
    return found


def local_routes(name: str, **release: Any) -> list[dict[str, Any]]:
    document = local.routes(gateway(served(contract(name), **release)))
    found: list[dict[str, Any]] = virtual_hosts(document)[name]["routes"]
    return found


def refusals(name: str, **release: Any) -> list[tuple[int, str]]:
    """What the mesh says."""
    answers = [rule["directResponse"] for rule in rules(name, **release) if "route" not in rule]
    return [(each["status"], each["body"]["string"]) for each in answers]


def local_refusals(name: str, **release: Any) -> list[tuple[int, str]]:
    """To those who choose no version themselves."""
    answers = [
        route["direct_response"]
        for route in local_routes(name, **release)
        if "direct_response" in route and "dynamic_metadata" not in route["match"]
    ]
    return [(each["status"], each["body"]["inline_string"]) for each in answers]


@EVERY_MODEL
@pytest.mark.parametrize("release", [{"stable": 1}, {"canary": 1}], ids=["released", "not-yet"])
def test_refusals_are_in_the_words_of_the_local_gateway(name: str, release: dict[str, Any]) -> None:
    """Which says besides how a version may be chosen: here nobody may."""
    ours, theirs = refusals(name, **release), local_refusals(name, **release)
    assert len(ours) == len(theirs)
    for (status, text), (wanted, words) in zip(ours, theirs, strict=True):
        assert status == wanted
        assert text == words.partition(", and a token with the claim pin")[0]


@EVERY_MODEL
def test_what_is_offered_has_the_name_and_path_that_it_has_locally(name: str) -> None:
    ours = {
        (rule["name"], rule["match"][0]["uri"]["exact"]) for rule in rules(name, stable=1)
        if "route" in rule
    }  # fmt: skip
    theirs = {
        (route["name"], route["match"]["path"]) for route in local_routes(name, stable=1)
        if "route" in route
    }  # fmt: skip
    assert ours
    assert ours == theirs


def test_every_version_that_a_release_names_can_be_asked() -> None:
    release = Release(stable=2, canary=3, weight=5, previous=1)
    args = routes.route(contract("scan"), release, DOMAIN, ISSUER)
    assert set(args.versions) == {1, 2, 3}
    assert (args.stable, args.canary, args.weight) == (2, 3, 5)


@EVERY_MODEL
def test_the_gateway_waits_and_takes_as_much_as_the_contract_says(name: str) -> None:
    model = contract(name)
    args = routes.route(model, Release(stable=1), DOMAIN, ISSUER)
    assert args.body_bytes == limits.body_limit(model)
    waits = limits.timeouts(model)
    assert (args.try_seconds, args.answer_seconds) == (waits.one_try, waits.whole)
    assert args.host == f"{name}.{DOMAIN}"
    assert (args.tenant, args.namespace) == (model.tenant, f"tenant-{model.tenant}")


def test_copies_are_as_many_as_the_contract_asks_for() -> None:
    model = changed("scan", ("rollout", "shadow_percent"), 30)
    args = routes.route(model, Release(stable=1, canary=2), DOMAIN, ISSUER)
    assert args.shadow_percent == 30


def test_a_choice_that_sticks_to_a_caller_is_refused_and_not_forgotten() -> None:
    model = changed("scan", ("rollout", "sticky_by"), "x-user")
    with pytest.raises(InputError, match=r"model scan: rollout\.sticky_by: the mesh cannot"):
        routes.route(model, Release(stable=1), DOMAIN, ISSUER)


def test_no_model_of_the_catalogue_is_refused() -> None:
    for model in catalog.load("prod").models.values():
        assert routes.route(model, Release(stable=1), DOMAIN, ISSUER).model == model.name


def test_without_an_issuer_there_are_no_tokens() -> None:
    assert routes.tokens(None, [tenant("vision")]) is None


@cache
def known() -> Graph:
    settings = stacks.settings("dev", identity=IDENTITY.model_dump())
    return synthesise(lambda: build(settings, catalog.load("dev")), stack="dev")


def filters_of(graph: Graph) -> dict[str, Any]:
    patches = rendered.objects(graph, "EnvoyFilter")["requests"]["spec"]["configPatches"]
    values = [each["patch"]["value"] for each in patches]
    return {value["name"]: value["typed_config"] for value in values}


def test_the_stack_knows_its_callers() -> None:
    assert rendered.wrong_objects(known()) == []
    (rule,) = rendered.objects(known(), "RequestAuthentication")["tokens"]["spec"]["jwtRules"]
    assert rule["issuer"] == ISSUER
    assert rule["audiences"] == ["models"]


def test_and_its_control_plane_reaches_their_keys() -> None:
    istiod = Pod(namespace="istio-system", labels={"app": "istiod"})
    assert allowed(rendered.policies(known()), istiod, INTERNET, 443)
    assert not allowed(rendered.policies(stacks.graph("dev")), istiod, INTERNET, 443)


def test_every_tenant_has_the_rate_of_its_file() -> None:
    """TEN-4: a bucket for each proxy."""
    tenants = catalog.load("dev").tenants
    buckets = {
        each["entries"][0]["value"]: each["token_bucket"]
        for each in filters_of(known())[filters.RATE]["descriptors"]
    }
    assert buckets == {
        name: limits.token_bucket(each.requests_per_second) for name, each in tenants.items()
    }


def test_requests_pass_what_they_pass_at_the_local_gateway() -> None:
    """In the same order; tokens and policies are Istio's to put before."""
    here = gateway(served(contract("scan"), stable=1))
    theirs = {each["name"]: each["typed_config"] for each in filters.filters(here)}
    args = routes.tokens(IDENTITY, here.tenants.values())
    assert args is not None
    ours = filters_of(installed(Gateway, tokens=args))
    assert ours[filters.RATE] == theirs[filters.RATE]
    assert ours[filters.BUFFER] == theirs[filters.BUFFER]
    both = [name for name in theirs if name in ours]
    assert both == [name for name in ours if name in theirs] == [filters.RATE, filters.BUFFER]
    (mutation,) = [
        extension
        for config in ours.values()
        for extension in config.get("early_header_mutation_extensions", ())
    ]
    assert mutation == filters.dropped_headers()
