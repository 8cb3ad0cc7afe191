from __future__ import annotations

import io
import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from serving.contract.triton_config import files as triton_files
from serving.errors import InputError, ServingError
from serving.registry.errors import Refused
from serving.registry.folder import Folder
from serving.registry.folder_store import FolderStore
from serving.registry.listing import rows
from serving.registry.publish import publish
from serving.registry.transfer import Chunks
from tests.unit.serving.contract.contracts import JUDGE
from tests.unit.serving.registry.hostile_sources import FILES
from tests.unit.serving.registry.workplace import CREATED, Workplace, contract_of


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path).set_up(FILES)


def test_a_version_is_a_triton_repository_with_its_contract_and_manifest(
    workplace: Workplace,
) -> None:
    manifest = workplace.publish(3)
    made = triton_files(workplace.candidate(3).contract, 3)
    paths = {f"{p.relative_to(workplace.folder(3))}" for p in workplace.folder(3).rglob("*")}
    files = {path for path in paths if (workplace.folder(3) / path).is_file()}
    assert files == {
        "contract.json",
        "manifest.json",
        "digits/3/model.py",
        "digits/3/weights/w.bin",
        *made,
    }
    for path, content in made.items():
        assert (workplace.folder(3) / path).read_bytes() == content
    for path, content in FILES.items():
        assert (workplace.folder(3) / "digits/3" / path).read_bytes() == content
    assert manifest.files.keys() == files - {"manifest.json"}


def test_the_manifest_says_what_it_is_and_where_it_came_from(workplace: Workplace) -> None:
    workplace.publish()
    document = json.loads((workplace.folder() / "manifest.json").read_text())
    assert document["schema"] == 1
    assert (document["model"], document["version"]) == ("digits", 1)
    assert (document["framework"], document["source"]) == ("python", "trained/digits")
    assert document["created"] == CREATED.isoformat().replace("+00:00", "Z")
    assert document["size"] == sum(entry["size"] for entry in document["files"].values())


def test_the_yaml_gets_the_version_with_its_digests(workplace: Workplace) -> None:
    manifest = workplace.publish()
    assert workplace.yaml.read_text() == (
        f"{workplace.text}versions:\n  1:\n    digest: {manifest.digest}\n"
        f"    contract: {manifest.contract}\n    source: trained/digits\n"
    )


def test_a_bundle_is_published_as_one_version(tmp_path: Path) -> None:
    text = contract_of("mailroom", {"image": "onnxruntime", "text": "python"})
    files = {"image/model.onnx": b"onnx", "text/model.py": b"py", "text/words.txt": b"a"}
    workplace = Workplace(tmp_path, text, "mailroom").set_up(files)
    manifest = workplace.publish()
    assert manifest.framework == "onnxruntime, python"
    assert {"image/1/model.onnx", "image/config.pbtxt", "text/1/words.txt"} < set(manifest.files)
    assert workplace.verify() == manifest


def test_an_engine_that_is_not_triton_gets_its_files_in_the_same_place(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path, JUDGE, "judge").set_up({"config.json": b"{}"})
    manifest = workplace.publish()
    assert set(manifest.files) == {"contract.json", "judge/1/config.json"}
    assert manifest.framework == "vllm"


def test_a_published_version_is_read_only_for_everybody(workplace: Workplace) -> None:
    workplace.publish()
    found = [workplace.folder(), *workplace.folder().rglob("*")]
    assert {stat.S_IMODE(p.stat().st_mode) for p in found if p.is_file()} == {0o444}
    assert {stat.S_IMODE(p.stat().st_mode) for p in found if p.is_dir()} == {0o555}


def test_pythons_caches_and_empty_folders_are_left_out(workplace: Workplace) -> None:
    (workplace.source / "__pycache__").mkdir()
    (workplace.source / "__pycache__" / "model.cpython-311.pyc").write_bytes(b"x")
    (workplace.source / "empty").mkdir()
    assert set(workplace.publish().files) == {
        "contract.json",
        "digits/1/model.py",
        "digits/1/weights/w.bin",
        "digits/config.pbtxt",
        "digits/warmup/golden-0-input-0",
    }
    workplace.verify()


def test_the_same_files_make_the_same_digest_wherever_and_whenever(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        digests.add(Workplace(tmp_path / name).set_up(FILES).publish().digest)
    assert len(digests) == 1


def test_publishing_the_same_again_says_that_it_is_the_same(workplace: Workplace) -> None:
    workplace.publish()
    before = workplace.yaml.read_text()
    with pytest.raises(InputError, match="already, with the same content: there is nothing to do"):
        workplace.publish()
    assert workplace.yaml.read_text() == before


def test_publishing_other_files_under_a_taken_number_says_which_differ(
    workplace: Workplace,
) -> None:
    manifest = workplace.publish()
    (workplace.source / "model.py").write_text("other\n")
    with pytest.raises(Refused, match=r"digits/1/model\.py: is not the same") as refusal:
        workplace.publish()
    assert [problem.path for problem in refusal.value.problems] == ["digits/1/model.py"]
    assert workplace.verify() == manifest


def test_a_run_that_died_between_store_and_yaml_is_finished_by_the_next(
    workplace: Workplace,
) -> None:
    manifest = workplace.publish()
    workplace.yaml.write_text(workplace.text)
    assert workplace.publish() == manifest
    assert workplace.promised() is not None


def test_numbers_only_grow(workplace: Workplace) -> None:
    workplace.publish(5)
    with pytest.raises(InputError, match=r"version 4 is below the newest, 5: .* publish 6"):
        workplace.publish(4)
    workplace.publish(8)


def test_a_version_goes_to_a_second_store_only_if_it_is_the_same(workplace: Workplace) -> None:
    workplace.publish()
    before = workplace.yaml.read_text()
    second = FolderStore(workplace.root / "second")
    workplace.publish(store=second)
    workplace.verify(store=second)
    assert workplace.yaml.read_text() == before
    (workplace.source / "model.py").write_text("other\n")
    with pytest.raises(InputError, match="says that version 1 is sha256:"):
        workplace.publish(store=FolderStore(workplace.root / "third"))
    assert not [*(workplace.root / "third" / "digits").glob("[!.]*")]


def test_a_changed_contract_does_not_pass_for_the_published_one(workplace: Workplace) -> None:
    workplace.publish()
    text = workplace.yaml.read_text()
    workplace.yaml.write_text(text.replace("max_queue_delay_ms: 2", "max_queue_delay_ms: 3"))
    with pytest.raises(Refused, match=r"contract\.json: is not the same"):
        workplace.publish()


class Short(Folder):
    """Breaks off without an error, as some transfers do."""

    @contextmanager
    def open(self, path: str) -> Iterator[io.RawIOBase]:
        yield Chunks(iter([b"half"]))


def test_a_transfer_that_breaks_off_in_silence_is_noticed(workplace: Workplace) -> None:
    candidate = replace(workplace.candidate(), source=Short(workplace.source))
    with pytest.raises(Refused, match=r": gave 4 bytes, expected \d+"):
        publish(candidate, FolderStore(workplace.store))
    assert workplace.stored() == set()


def test_a_model_file_changed_while_copying_stops_it_before_anybody_sees_it(
    workplace: Workplace,
) -> None:
    candidate = workplace.candidate()
    workplace.yaml.write_text(workplace.text + "# changed\n")
    with pytest.raises(ServingError, match="was changed meanwhile"):
        publish(candidate, FolderStore(workplace.store))
    assert workplace.stored() == set()


def test_a_source_name_that_fits_no_manifest_is_refused_at_once(workplace: Workplace) -> None:
    candidate = replace(workplace.candidate(), origin="x" * 501)
    with pytest.raises(InputError, match="longer than 500"):
        publish(candidate, FolderStore(workplace.store))


def test_the_list_shows_every_version_and_says_what_is_none(workplace: Workplace) -> None:
    store = FolderStore(workplace.store)
    for version in (1, 2, 10):
        workplace.publish(version)
    for stray in ("v3", "03", "4"):
        (workplace.store / "digits" / stray).mkdir()
    (workplace.store / "README").write_text("not a model")
    found = list(rows(store))
    assert [row.version for row in found if row.manifest] == ["1", "2", "10"]
    problems = {row.version: row.problem or "" for row in found if not row.manifest}
    assert problems.keys() == {"v3", "03", "4"}
    assert "expected a number" in problems["v3"]
    assert "expected a number" in problems["03"]
    assert "manifest.json: is missing" in problems["4"]
