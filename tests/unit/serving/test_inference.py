"""Triton's metrics, read back from their text form."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serving.inference import Sample, parse_metrics, total

TEXT = """\
# HELP nv_inference_count Number of inferences performed (does not include cached requests)
# TYPE nv_inference_count counter
nv_inference_count{model="mailroom-image",version="1"} 9
nv_inference_count{model="mailroom-text",version="1"} 3
nv_inference_request_failure{model="mailroom-text",reason="BACKEND",version="1"} 1
nv_cpu_utilization 0.25
"""


def test_every_series_keeps_its_labels_and_value() -> None:
    assert parse_metrics(TEXT)[-2:] == [
        Sample(
            "nv_inference_request_failure",
            {"model": "mailroom-text", "reason": "BACKEND", "version": "1"},
            1.0,
        ),
        Sample("nv_cpu_utilization", {}, 0.25),
    ]


def test_a_total_adds_up_the_series_that_carry_the_labels() -> None:
    samples = parse_metrics(TEXT)
    assert total(samples, "nv_inference_count") == 12
    assert total(samples, "nv_inference_count", model="mailroom-text") == 3
    assert total(samples, "nv_inference_count", model="another") == 0


@given(
    labels=st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.text(st.characters(exclude_characters='"\\\n', exclude_categories=("C", "Z"))),
    ),
    value=st.floats(allow_nan=False),
)
def test_what_is_written_is_read(labels: dict[str, str], value: float) -> None:
    inside = ",".join(f'{name}="{text}"' for name, text in labels.items())
    assert parse_metrics(f"metric{{{inside}}} {value}") == [Sample("metric", labels, value)]
