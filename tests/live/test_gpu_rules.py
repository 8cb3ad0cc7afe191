"""Rules about GPUs against the real promtool: when they fire, for which node, and when not."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.observability import gpus
from serving.observability.dashboards import LAYERS
from serving.observability.rule_file import as_yaml
from tests.live.test_alerts import promtool

pytestmark = pytest.mark.live

HELD = f'kube_node_spec_taint{{node="n1",key="{gpus.QUARANTINE}"}}'
WELL = {
    'DCGM_FI_DEV_XID_ERRORS{Hostname="n1",gpu="0"}': "0x200",
    'DCGM_FI_DEV_ROW_REMAP_FAILURE{Hostname="n1",gpu="0"}': "0x200",
    'DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{Hostname="n1",gpu="0"}': "3x200",
    'DCGM_FI_DEV_XID_ERRORS{Hostname="n2",gpu="0"}': "0x200",
}
"""Two nodes; errors that were corrected before anybody looked."""


def series(**changes: str) -> dict[str, str]:
    """Of the first node, by the last word of the metric's name."""
    renamed = {
        name: changes[word]
        for name in WELL
        for word in changes
        if word in name and 'Hostname="n1"' in name
    }
    return WELL | renamed


def used(model: str, rate: str, time: str, gpu: str = "g1") -> dict[str, str]:
    """Requests, and the GPU's time that they took."""
    where = f'{{gpu_uuid="{gpu}",model="{model}",version="1"}}'
    return {
        f"nv_inference_count{where}": rate,
        f"nv_inference_compute_infer_duration_us{where}": time,
    }


def expect(tmp_path: Path, given: dict[str, str], at: str, expected: dict[str, str]) -> None:
    """Alert → node or model, of those that fire then; no others do."""
    label = {"GpuNeighboursSlowModel": "model"}
    samples: list[dict[str, object]] = [
        {"labels": f'{{alertname="{name}",{label.get(name, "node")}="{who}"}}', "value": 1}
        for name, who in expected.items()
    ]
    answer(
        tmp_path,
        given,
        at,
        'count by (alertname, node, model) (ALERTS{alertstate="firing"})',
        samples,
    )


def answer(
    tmp_path: Path, given: dict[str, str], at: str, question: str, samples: list[dict[str, object]]
) -> None:
    groups = {"groups": [{"name": "gpus", "rules": gpus.rules()}]}
    (tmp_path / "rules.yaml").write_text(as_yaml(groups))
    asked = {"expr": question, "eval_time": at, "exp_samples": samples}
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in given.items()],
        "promql_expr_test": [asked],
    }
    whole = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yaml").write_text(as_yaml(whole))
    result = promtool("test", "rules", str(tmp_path / "test.yaml"))
    assert result.returncode == 0, result.stderr


def test_sound_gpus_are_no_news(tmp_path: Path) -> None:
    expect(tmp_path, WELL, "90m", {})


@pytest.mark.parametrize("xid", [48, 63, 74, 79, 94, 119])
def test_a_fault_of_the_hardware_or_the_driver_names_its_node(tmp_path: Path, xid: int) -> None:
    """GPU-8."""
    expect(tmp_path, series(XID=f"0x30 {xid}x170"), "35m", {"GpuBroken": "n1"})


@pytest.mark.parametrize("xid", gpus.OF_PROGRAMS)
def test_what_a_program_did_is_no_fault_of_the_gpu(tmp_path: Path, xid: int) -> None:
    expect(tmp_path, series(XID=f"0x30 {xid}x170"), "35m", {})


@pytest.mark.parametrize(
    ("given", "verdicts"),
    [
        (WELL, {"n1": 0, "n2": 0}),
        (series(XID="0x30 79x170"), {"n1": 1, "n2": 0}),
        (series(XID="0x30 13x170"), {"n1": 0, "n2": 0}),
        (series(ROW_REMAP="0x30 1x170"), {"n1": 1, "n2": 0}),
        (series(XID="0x10", ROW_REMAP="0x10", ECC_DBE="0x10"), {"n2": 0}),
    ],
)
def test_a_node_is_broken_or_sound_or_nobody_says(
    tmp_path: Path, given: dict[str, str], verdicts: dict[str, int]
) -> None:
    samples: list[dict[str, object]] = [
        {"labels": f'{gpus.BROKEN}{{node="{name}"}}', "value": verdict}
        for name, verdict in verdicts.items()
    ]
    answer(tmp_path, given, "35m", gpus.BROKEN, samples)


def test_rows_that_cannot_be_remapped_are_a_fault(tmp_path: Path) -> None:
    expect(tmp_path, series(ROW_REMAP="0x30 1x170"), "35m", {"GpuBroken": "n1"})


def test_errors_that_ecc_cannot_correct_are_a_fault_for_an_hour(tmp_path: Path) -> None:
    faulty = series(ECC_DBE="3x30 4x170")
    expect(tmp_path, faulty, "35m", {"GpuBroken": "n1"})
    expect(tmp_path, faulty, "120m", {})


def test_a_broken_node_that_is_held_is_quiet_until_nobody_cared_for_an_hour(
    tmp_path: Path,
) -> None:
    held = series(XID="0x30 79x170") | {HELD: "_x31 1x169"}
    expect(tmp_path, held, "60m", {"GpuBroken": "n1"})
    expect(tmp_path, held, "120m", {"GpuBroken": "n1", "GpuQuarantineHolds": "n1"})


def test_a_broken_node_that_nobody_holds_is_told(tmp_path: Path) -> None:
    expect(
        tmp_path,
        series(XID="0x30 79x170"),
        "60m",
        {"GpuBroken": "n1", "GpuQuarantineRefused": "n1"},
    )


@pytest.mark.parametrize(
    ("microseconds", "expected"),
    [(1100, {}), (1500, {"GpuNeighboursSlowModel": "scan"})],
)
def test_a_model_that_neighbours_slow_down_is_told(
    tmp_path: Path, microseconds: int, expected: dict[str, str]
) -> None:
    """GPU-7. Alone for two hours at 1 000 µs a request; then beside another."""
    alone, beside = 120, 120
    begun = 60_000 * alone
    time = f"0+60000x{alone} {begun}+{60 * microseconds}x{beside}"
    given = used("scan", f"0+60x{alone + beside}", time) | used(
        "other", f"0x{alone} 60+60x{beside}", f"0x{alone} 60000+60000x{beside}"
    )
    expect(tmp_path, given, f"{alone + beside - 5}m", expected)


def test_a_neighbour_on_another_gpu_is_none(tmp_path: Path) -> None:
    given = used("scan", "0+60x240", "0+60000x120 7200000+90000x120") | used(
        "other", "0+60x240", "0+60000x240", gpu="g2"
    )
    expect(tmp_path, given, "235m", {})


def test_the_rules_are_sound(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(as_yaml({"groups": [{"name": "gpus", "rules": gpus.rules()}]}))
    result = promtool("check", "rules", str(file))
    assert result.returncode == 0, result.stderr


def test_every_question_of_a_dashboard_is_one_that_prometheus_understands(tmp_path: Path) -> None:
    """OBS-2."""
    asked = [
        {"record": f"question:{index}", "expr": expression}
        for index, expression in enumerate(
            expression
            for dashboard in LAYERS.values()
            for question in dashboard.questions
            for expression in question.expressions.values()
        )
    ]
    file = tmp_path / "questions.yaml"
    file.write_text(as_yaml({"groups": [{"name": "questions", "rules": asked}]}))
    result = promtool("check", "rules", str(file))
    assert result.returncode == 0, result.stderr
    assert f"{len(asked)} rules found" in result.stdout
