"""CTR-7: a version is shown to be healthy on a real server before anybody depends on it."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from serving.cli import app
from serving.registry.errors import Refused
from serving.registry.folder import Folder
from serving.registry.folder_store import FolderStore
from serving.registry.model_file import read
from serving.registry.publish import Candidate, publish
from serving.registry.store import Store, open_store
from serving.registry.validate import staged, validate
from serving.registry.verify import verify
from serving.triton import TritonFailed
from tests.live.buckets import BUCKET, cloud
from tests.live.versions import MODELS, TOY, example, toy

pytestmark = pytest.mark.live


def run(*arguments: object, models: Path = MODELS) -> Result:
    words = ["model", "validate", *map(str, arguments), "--models", str(models)]
    return CliRunner().invoke(app, words)


def test_a_good_version_is_valid_over_both_protocols(built: Path) -> None:
    result = run("digits", 2, "--from", built / "digits" / "2")
    assert result.exit_code == 0, result.output
    assert "digits: golden request 1 over http: right" in result.output
    assert "digits: golden request 1 over grpc: right" in result.output
    assert result.output.endswith("digits version 2 is valid\n")


def test_a_wrong_answer_is_named_by_tensor_index_got_and_expected(built: Path) -> None:
    result = run("digits", 5, "--from", built / "digits" / "5")
    assert result.exit_code == 1
    assert "label[0]: got 4, expected 3" in result.output
    assert result.output.endswith("digits version 5 is not valid: 2 of 2 golden requests\n")


def test_json_tells_the_same(built: Path) -> None:
    result = run("digits", 5, "--from", built / "digits" / "5", "--json")
    facts = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (facts["model"], facts["version"], facts["valid"]) == ("digits", 5, False)
    assert [check["protocol"] for check in facts["checks"]] == ["http", "grpc"]
    assert facts["checks"][0]["differences"] == [
        {"tensor": "label", "index": [0], "got": 4, "expected": 3}
    ]


def test_a_version_that_is_not_ready_within_its_budget_fails(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(TOY)
    late = toy(load_ms=20_000, budget=5)
    with (
        staged(late, 1, tmp_path) as folder,
        pytest.raises(TritonFailed, match="toy version 1 was not ready within 5 s"),
    ):
        validate(late, 1, folder)


def test_an_error_instead_of_an_answer_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        TOY.replace("time.sleep(self.seconds)", "raise ValueError('no such pixel')")
    )
    golden = [{"inputs": {"x": [0.0]}, "outputs": {"executions": [1]}}]
    failing = toy(golden=golden, warmup=False)
    with staged(failing, 1, tmp_path) as folder:
        result = validate(failing, 1, folder)
    assert not result.passed
    assert all("no such pixel" in (check.error or "") for check in result.checks)


def test_files_that_could_not_be_published_are_not_started(built: Path) -> None:
    with (
        pytest.raises(Refused, match=r"mailroom-image/model.py: is missing"),
        staged(example("mailroom"), 1, built / "digits" / "1"),
    ):
        pass


def test_a_published_version_is_validated_as_it_was_frozen(built: Path, tmp_path: Path) -> None:
    """A golden request that is changed later is of the next version; the store is not touched."""
    store = FolderStore(tmp_path / "store")
    published(store, built, tmp_path)
    contract = tmp_path / "digits.yaml"
    contract.write_text(contract.read_text().replace("{label: [3]}", "{label: [4]}"))
    result = run("digits", 1, "--in", tmp_path / "store", models=tmp_path)
    assert result.exit_code == 0, result.output
    assert verify(store, "digits", 1)


def test_a_version_is_validated_where_it_lies_in_a_bucket(built: Path, tmp_path: Path) -> None:
    with cloud():
        where = f"s3://{BUCKET}/store"
        published(open_store(where), built, tmp_path)
        result = run("digits", 1, "--in", where, models=tmp_path)
    assert result.exit_code == 0, result.output
    assert "digits version 1 is valid" in result.output


def published(store: Store, built: Path, models: Path) -> None:
    """Version 1 of the image classifier, with a contract of its own."""
    candidate = Candidate(
        model=read(Path(shutil.copy(MODELS / "digits.yaml", models))),
        version=1,
        source=Folder(built / "digits" / "1"),
        origin="a test",
        created=datetime.now(UTC).replace(microsecond=0),
    )
    publish(candidate, store)
