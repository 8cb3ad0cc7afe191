"""Scripted exporters: counters of an Envoy and of the servers behind it, as they are scraped."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from serving.promotion.increments import Raw, Sample

Labels = tuple[tuple[str, str], ...]
INTERVAL = 15.0
EDGES = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000)
GATEWAY = "gateway:9901"


class Exporters:
    """Counts, and remembers what each scrape found."""

    def __init__(self, model: str = "digits") -> None:
        self.model = model
        self.now: dict[tuple[str, Labels], float] = {}
        self.scraped: defaultdict[tuple[str, Labels], list[Sample]] = defaultdict(list)

    def count(self, name: str, by: float = 0, **labels: str) -> None:
        key = (name, tuple(sorted(labels.items())))
        self.now[key] = self.now.get(key, 0.0) + by

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self.now[name, tuple(sorted(labels.items()))] = value

    def serve(
        self,
        version: int,
        requests: int = 0,
        *,
        pods: int = 1,
        errors: int = 0,
        slow: int = 0,
        slow_ms: float = 700,
        failed_over: int = 0,
        lie: float = 1.0,
        queue_us: int = 1000,
    ) -> None:
        """`errors` were tried again elsewhere when `failed_over`; each pod gets as many."""
        name = f"{self.model}-{version}"
        for pod in range(pods):
            self._pod(name, version, pod, requests, errors, lie, queue_us)
        whole = requests * pods
        envoy = {"job": "envoy", "instance": GATEWAY}
        self.count("envoy_cluster_upstream_rq_completed", whole, envoy_cluster_name=name, **envoy)
        self.count(
            "envoy_cluster_upstream_rq_total", whole, envoy_cluster_name=f"{name}-pods", **envoy
        )
        self.count("envoy_cluster_upstream_rq_retry", failed_over, envoy_cluster_name=name, **envoy)
        self.count(
            "envoy_cluster_upstream_rq_total",
            failed_over,
            envoy_cluster_name=f"{name}-failover",
            **envoy,
        )
        for edge in (*EDGES, float("inf")):
            fast = whole - (slow * pods if slow_ms > edge else 0) - (whole if edge < 10 else 0)
            self.count(
                "envoy_cluster_upstream_rq_time_bucket",
                max(fast, 0),
                envoy_cluster_name=name,
                le="+Inf" if edge == float("inf") else f"{edge:g}",
                **envoy,
            )

    def _pod(
        self, name: str, version: int, pod: int, requests: int, errors: int, lie: float, queue: int
    ) -> None:
        here = {"job": "envoy", "instance": GATEWAY, "pod": f"{name}-{pod}"}
        for what, by in (("success", requests - errors), ("error", errors)):
            self.count(
                f"envoy_cluster_endpoint_rq_{what}", by, envoy_cluster_name=f"{name}-pods", **here
            )
        triton = {
            "job": "triton", "instance": f"{name}-{pod}:8002", "pod": f"{name}-{pod}",
            "model": self.model, "version": str(version),
        }  # fmt: skip
        self.count("nv_inference_request_success", round((requests - errors) * lie), **triton)
        self.count("nv_inference_request_failure", round(errors * lie), **triton)
        self.count("nv_inference_queue_duration_us", queue * (requests - errors), **triton)
        self.gauge("nv_inference_pending_request_count", 0, **triton)

    def restart(self, instance: str) -> None:
        for key in self._of(instance):
            self.now[key] = 0.0

    def remove(self, instance: str) -> None:
        for key in self._of(instance):
            del self.now[key]

    def _of(self, text: str) -> list[tuple[str, Labels]]:
        return [key for key in self.now if text in dict(key[1]).values()]

    def scrape(self, at: float, *, down: Iterable[str] = ()) -> None:
        """One scrape of every target, of which some are down."""
        targets = {(dict(labels)["job"], dict(labels)["instance"]) for _, labels in self.now}
        for job, instance in targets:
            up = ("up", (("instance", instance), ("job", job)))
            self.scraped[up].append((at, float(instance not in down)))
        for (name, labels), value in self.now.items():
            if dict(labels)["instance"] not in down:
                self.scraped[name, labels].append((at, value))

    def select(self, selector: str, start: float, end: float) -> tuple[Raw, ...]:
        """What Prometheus answers to the selector with a range; enough of PromQL for that."""
        name, matchers = re.fullmatch(r"(\w*)\{(.*)\}", selector).groups()  # type: ignore[union-attr]
        wanted = {
            label: (operator, json_text.encode().decode("unicode_escape"))
            for label, operator, json_text in re.findall(r'(\w+)(=~?)"((?:[^"\\]|\\.)*)"', matchers)
        }
        found = []
        for (other, labels), samples in self.scraped.items():
            have = {"__name__": other, **dict(labels)}
            if name in ("", other) and all(
                _matches(have.get(k, ""), *w) for k, w in wanted.items()
            ):
                within = [sample for sample in samples if start <= sample[0] <= end]
                if within:
                    found.append(Raw(have, within))
        return tuple(found)

    def openmetrics(self) -> Iterator[str]:
        """For `promtool tsdb create-blocks-from openmetrics`."""
        by_name: defaultdict[str, list[tuple[Labels, list[Sample]]]] = defaultdict(list)
        for (name, labels), samples in self.scraped.items():
            by_name[name].append((labels, samples))
        for name, series in by_name.items():
            yield f"# TYPE {name} unknown"
            for labels, samples in series:
                text = ",".join(f'{label}="{value}"' for label, value in labels)
                yield from (f"{name}{{{text}}} {value} {at}" for at, value in samples)
        yield "# EOF"


def _matches(value: str, operator: str, wanted: str) -> bool:
    return value == wanted if operator == "=" else re.fullmatch(wanted, value) is not None
