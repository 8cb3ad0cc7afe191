"""What runs in the cluster for all, as the stacks' files describe it."""

from __future__ import annotations

from functools import cache
from typing import Any

import pulumi
import pytest

from components import gateway_objects
from components.images import IMAGES
from serving import catalog
from serving.errors import InputError
from serving.health import quarantine
from serving.observability import costs
from serving.observability.dialect import GATEWAY_WORKLOAD
from serving.settings import AwsSettings, Settings
from serving.stacks.charts import installed, movable, warn_of_movable
from serving.stacks.program import build
from tests.conftest import Graph, Registered, synthesise
from tests.unit import rendered, stacks
from tests.unit.components.installing import INTERNET
from tests.unit.components.network import Pod, allowed

STACKS = pytest.mark.parametrize("stack", stacks.STACKS)


DIGEST = f"sha256:{'ab' * 32}"


@cache
def described(kind: str) -> AwsSettings:
    """A stack's; `rich` with all that is there by setting alone, or `bare` with none of it and its
    spans sent elsewhere."""
    if kind == "rich":
        found = _rich()
    elif kind == "bare":
        traces = {"percentage": 5, "collector": "otel.example.com:4317"}
        found = stacks.settings("dev", secrets={}, traces=traces)
    else:
        found = stacks.settings(kind)
    assert isinstance(found, AwsSettings)
    return found


def _rich() -> Settings:
    names = {image.name for images in IMAGES.values() for image in images}
    return stacks.settings(
        "dev",
        traces={"percentage": 5},
        gitops={
            "repository": "https://git.example.com/a", "folders": {"vision": "gitops/vision"},
        },
        digests=dict.fromkeys(sorted(names), DIGEST),
    )  # fmt: skip


@cache
def graph_of(kind: str) -> Graph:
    if kind in stacks.STACKS:
        return stacks.graph(kind)
    settings = described(kind)
    known = catalog.load(settings.environment)
    return synthesise(lambda: build(settings, known), stack="dev")


KINDS = (*stacks.STACKS, "rich", "bare")


def rich() -> Graph:
    return graph_of("rich")


def bare() -> Graph:
    return graph_of("bare")


@pytest.fixture
def prod() -> Graph:
    return stacks.graph("prod")


def component(graph: Graph, kind: str) -> Registered:
    return graph.one(f"serving:index:{kind}")


def releases(graph: Graph) -> set[str]:
    return {each.inputs["name"] for each in graph.all(rendered.RELEASE)}


@pytest.mark.parametrize("kind", KINDS)
def test_charts_take_every_value_and_kubernetes_every_object(kind: str) -> None:
    assert rendered.wrong_values(graph_of(kind)) == []
    assert rendered.wrong_objects(graph_of(kind)) == []


@STACKS
def test_every_add_on_is_installed_once(stack: str) -> None:
    assert releases(stacks.graph(stack)) == {
        "alloy", "alloy-events", "aws-load-balancer-controller", "cert-manager",
        "cluster-autoscaler", "external-secrets", "gpu-operator", "istio-base", "istio-cni",
        "istio-ingressgateway", "istiod", "keda", "kube-prometheus-stack", "loki",
    }  # fmt: skip


@STACKS
def test_no_two_name_spaces_or_roles_are_shared(stack: str) -> None:
    graph = stacks.graph(stack)
    names = [each.inputs["metadata"]["name"] for each in graph.all(rendered.NAMESPACE)]
    assert len(names) == len(set(names))


def test_every_namespace_is_closed(prod: Graph) -> None:
    for namespace in prod.all(rendered.NAMESPACE):
        name = namespace.inputs["metadata"]["name"]
        specs = [policy["spec"] for policy in rendered.policies(prod, name)]
        assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in specs, name


@pytest.mark.parametrize(
    ("what", "before"),
    [
        ("Monitoring", "BlockStorage"),
        ("Monitoring", "ExternalSecrets"),
        ("CertManager", "Monitoring"),
        ("LoadBalancerController", "CertManager"),
        ("LoadBalancerController", "Monitoring"),
        ("Mesh", "Monitoring"),
        ("Gateway", "Mesh"),
        ("Gateway", "CertManager"),
        ("Gateway", "LoadBalancerController"),
        ("GpuOperator", "Monitoring"),
        ("Loki", "Monitoring"),
        ("Loki", "BlockStorage"),
        ("LogAgent", "Loki"),
        ("Keda", "Monitoring"),
        ("ClusterAutoscaler", "Monitoring"),
    ],
)
def test_kinds_and_whoever_answers_come_before_what_needs_them(
    prod: Graph, what: str, before: str
) -> None:
    """And go after it: the engine deletes in the opposite order (pitfalls 9, 32, 38, 39)."""
    dependencies = component(prod, what).dependencies
    inside = [each for each in prod if f"serving:index:{before}" in each.urn]
    assert {each.urn for each in inside if each.type == rendered.RELEASE} <= dependencies
    assert {each.urn for each in inside} & dependencies


def test_nothing_is_installed_before_there_are_nodes(prod: Graph) -> None:
    groups = {each.urn for each in prod.all("aws:eks/nodeGroup:NodeGroup")}
    assert groups
    for kind in ("BlockStorage", "ExternalSecrets", "Monitoring", "Mesh", "GpuOperator"):
        assert groups <= component(prod, kind).dependencies, kind


def test_prod_survives_a_zone_and_dev_is_small() -> None:
    values = {stack: rendered.values_of(stacks.graph(stack), "istiod") for stack in stacks.STACKS}
    assert (values["dev"]["autoscaleMin"], values["prod"]["autoscaleMin"]) == (1, 2)


def test_rules_know_the_gateway_by_its_name() -> None:
    assert gateway_objects.WORKLOAD == GATEWAY_WORKLOAD


def test_the_gateway_has_the_certificate_of_its_domain(prod: Graph) -> None:
    annotations = prod.one("kubernetes:core/v1:Service", "gateway").inputs["metadata"][
        "annotations"
    ]
    certificate = annotations["service.beta.kubernetes.io/aws-load-balancer-ssl-cert"]
    assert certificate.endswith("certificate/*.inference.example.com")


def test_the_gateway_counts_at_the_edge_of_every_promise(prod: Graph) -> None:
    annotations = rendered.values_of(prod, "istio-ingressgateway")["podAnnotations"]
    known = catalog.load("prod").models.values()
    for model in known:
        edge = f"{model.slo.p99_ms:g}"
        assert edge in annotations["sidecar.istio.io/statsHistogramBuckets"], model.name


def test_each_controller_has_a_role_of_its_own(prod: Graph) -> None:
    """SEC-9: by an annotation, and by nothing else."""
    accounts = {
        "aws-load-balancer-controller": ("serviceAccount",),
        "cluster-autoscaler": ("rbac", "serviceAccount"),
        "external-secrets": ("serviceAccount",),
        "loki": ("serviceAccount",),
        "kube-prometheus-stack": ("alertmanager", "serviceAccount"),
    }
    arns = []
    for release, path in accounts.items():
        values = rendered.values_of(prod, release)
        for key in path:
            values = values[key]
        arns.append(values["annotations"]["eks.amazonaws.com/role-arn"])
    assert len(set(arns)) == len(accounts)


@pytest.mark.parametrize(
    ("namespace", "account"),
    [
        ("loki", "loki"),
        ("monitoring", "alertmanager"),
        ("external-secrets", "external-secrets"),
        ("cluster-autoscaler", "cluster-autoscaler"),
        ("aws-load-balancer-controller", "aws-load-balancer-controller"),
    ],
)
def test_a_role_trusts_the_service_account_that_the_chart_makes(
    prod: Graph, namespace: str, account: str
) -> None:
    subject = f"system:serviceaccount:{namespace}:{account}"
    trusting = [
        each for each in prod.all("aws:iam/role:Role")
        if subject in str(each.inputs["assumeRolePolicy"])
    ]  # fmt: skip
    assert len(trusting) == 1


def test_logs_are_kept_as_long_as_the_stack_says(prod: Graph) -> None:
    limits = rendered.values_of(prod, "loki")["loki"]["limits_config"]
    assert limits == {"retention_period": f"{365 * 24}h"}


def test_grafanas_password_is_the_one_that_people_put_into_secrets_manager(prod: Graph) -> None:
    secret = rendered.objects(prod, "ExternalSecret")["grafana-admin"]
    key = secret["spec"]["data"][0]["remoteRef"]["key"]
    named = {each.inputs["name"] for each in prod.all("aws:secretsmanager/secret:Secret")}
    assert key in named


def test_a_stack_without_secrets_has_nothing_that_reads_any() -> None:
    assert "external-secrets" not in releases(bare())
    assert "admin" not in rendered.values_of(bare(), "kube-prometheus-stack")["grafana"]


@pytest.mark.parametrize(
    ("release", "path"),
    [
        ("gpu-operator", ("daemonsets", "tolerations")),
        ("gpu-operator", ("node-feature-discovery", "worker", "tolerations")),
        ("alloy", ("controller", "tolerations")),
    ],
)
def test_a_node_that_is_out_of_use_is_still_watched(
    prod: Graph, release: str, path: tuple[str, ...]
) -> None:
    """GPU-8: else nobody would ever say that its GPUs are sound again."""
    found: Any = rendered.values_of(prod, release)
    for key in path:
        found = found[key]
    assert quarantine.KEY in {each["key"] for each in found}
    assert "nvidia.com/gpu" in {each["key"] for each in found}


def test_traces_are_kept_where_they_are_wanted() -> None:
    """OBS-14."""
    assert "tempo" in releases(rich())
    provider = rendered.values_of(rich(), "istiod")["meshConfig"]["extensionProviders"][1]
    assert provider["opentelemetry"]["service"] == "tempo.tempo.svc.cluster.local"
    grafana = rendered.values_of(rich(), "kube-prometheus-stack")["grafana"]
    assert {each["type"] for each in grafana["additionalDataSources"]} == {"loki", "tempo"}
    assert "vision-traces" in {each.name for each in rich().all(rendered.POLICY)}


def test_or_sent_to_a_collector_outside() -> None:
    assert "tempo" not in releases(bare())
    provider = rendered.values_of(bare(), "istiod")["meshConfig"]["extensionProviders"][1]
    assert provider["opentelemetry"] == {"service": "otel.example.com", "port": 4317}


@pytest.mark.parametrize("namespace", ["istio-ingress", "tenant-vision"])
def test_and_spans_get_there(namespace: str) -> None:
    """OBS-14: from the gateway's proxies and from those beside the models."""
    proxy = Pod(namespace=namespace)
    assert allowed(rendered.policies(bare()), proxy, INTERNET, 4317)
    assert not allowed(rendered.policies(bare()), proxy, INTERNET, 4318)
    for kind in ("prod", "rich"):
        assert not allowed(rendered.policies(graph_of(kind)), proxy, INTERNET, 4317), kind
    (host,) = rendered.objects(bare(), "ServiceEntry")["collector"]["spec"]["hosts"]
    assert host == "otel.example.com"


@pytest.mark.parametrize("kind", KINDS)
def test_istiod_reaches_the_internet_only_if_it_must_fetch_keys_there(kind: str) -> None:
    """It is what asks for the keys of callers' tokens; so far the stacks name no issuer."""
    graph = graph_of(kind)
    remote = [
        rule["jwksUri"]
        for each in rendered.objects(graph, "RequestAuthentication").values()
        for rule in each["spec"].get("jwtRules", [])
        if "jwksUri" in rule
    ]
    istiod = Pod(namespace="istio-system", labels={"app": "istiod"})
    assert allowed(rendered.policies(graph), istiod, INTERNET, 443) is bool(remote)


def test_argo_cd_is_there_only_if_there_is_something_to_deliver() -> None:
    """GIT-1."""
    assert "argo-cd" not in releases(stacks.graph("dev"))
    application = rendered.objects(rich(), "Application")["vision"]["spec"]
    assert application["source"]["targetRevision"] == "main"
    assert application["destination"]["namespace"] == "tenant-vision"


def test_only_what_a_tenant_has_is_delivered() -> None:
    gitops = {"repository": "https://git.example.com/a", "folders": {"nobody": "gitops/nobody"}}
    settings, known = stacks.settings("dev", gitops=gitops), catalog.load("dev")
    with pytest.raises(InputError, match=r"nobody is not a tenant, expected one of .*vision"):
        synthesise(lambda: build(settings, known), stack="dev")


def test_images_go_by_their_digests_where_they_are_known() -> None:
    without = {"istio-base", "istio-ingressgateway"}  # one runs nothing, istiod puts in the other's
    for release in rich().all(rendered.RELEASE):
        if release.inputs["name"] not in without:
            assert "ab" * 32 in str(release.inputs["values"]), release.name
    for release in stacks.graph("dev").all(rendered.RELEASE):
        assert "ab" * 32 not in str(release.inputs["values"]), release.name


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_known_which_charts_there_are(kind: str) -> None:
    known = {(each.name, each.version) for each in installed(described(kind))}
    assert rendered.charts(graph_of(kind)) == known


def test_production_is_told_of_images_that_could_change() -> None:
    names = movable(described("prod"))
    assert "registry.k8s.io/autoscaling/cluster-autoscaler:v1.35.0" in names
    pinned = dict.fromkeys(names, DIGEST)
    assert movable(described("prod").model_copy(update={"digests": pinned})) == []
    assert movable(described("dev")) == []


def test_they_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    warn_of_movable(described("dev"))
    assert said == []
    warn_of_movable(described("prod"))
    (line,) = said
    assert line.startswith(f"{len(movable(described('prod')))} images go by tags")
    assert "serving:digests" in line


def test_tenants_are_members_of_the_mesh(prod: Graph) -> None:
    labels = prod.one(rendered.NAMESPACE, "vision").inputs["metadata"]["labels"]
    assert labels["istio-injection"] == "enabled"


@STACKS
def test_what_models_cost_is_reckoned_with_the_prices_of_the_pools_of_the_stack(stack: str) -> None:
    """CST-1."""
    (group,) = rendered.objects(graph_of(stack), "PrometheusRule")["costs"]["spec"]["groups"]
    pools = described(stack).pools.values()
    assert group["rules"] == costs.rules(pools)
    assert costs.prices(pools)
