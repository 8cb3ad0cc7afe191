from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving.errors import ServingError
from serving.registry.transfer import Advance
from tests.unit.serving.registry.hostile_sources import CHANGES, FILES, SOURCES
from tests.unit.serving.registry.hostile_versions import DAMAGES, LIES, MANIFEST, RAW
from tests.unit.serving.registry.workplace import Workplace


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path).set_up(FILES)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    workplace = Workplace(tmp_path_factory.mktemp("good")).set_up(FILES)
    workplace.publish()
    workplace.open_up()
    return workplace


@pytest.fixture
def published(good: Workplace, tmp_path: Path) -> Workplace:
    return Workplace(shutil.copytree(good.root, tmp_path / "copy"))


def test_there_are_at_least_sixty_of_them() -> None:
    assert len(SOURCES) + len(CHANGES) + len(DAMAGES) >= 60


def test_the_files_are_fine_before_they_are_spoilt(workplace: Workplace) -> None:
    assert workplace.publish() == workplace.verify()


@pytest.mark.parametrize("case", SOURCES)
def test_a_hostile_source_is_refused_by_name_and_leaves_nothing(
    workplace: Workplace, case: str
) -> None:
    name = SOURCES[case](workplace.source)
    with pytest.raises(ServingError) as refusal:
        workplace.publish()
    assert name in str(refusal.value)
    assert "what to do" in str(refusal.value)
    assert workplace.stored() == set()
    assert workplace.yaml.read_text() == workplace.text


@pytest.mark.parametrize("case", CHANGES)
def test_a_source_that_changes_while_it_is_copied_is_refused(
    workplace: Workplace, case: str
) -> None:
    names: list[str] = []
    once = threading.Lock()

    @contextmanager
    def meter(what: str, total: int) -> Iterator[Advance]:
        def advance(size: int) -> None:
            if what.startswith("copying") and once.acquire(blocking=False):
                names.append(CHANGES[case](workplace.source))

        yield advance

    with pytest.raises(ServingError) as refusal:
        workplace.publish(meter=meter)
    assert names[0] in str(refusal.value)
    assert workplace.stored() == set()
    assert workplace.yaml.read_text() == workplace.text


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_version_is_refused_by_name(published: Workplace, case: str) -> None:
    name = DAMAGES[case](published.folder())
    with pytest.raises(ServingError) as refusal:
        published.verify()
    assert name in str(refusal.value)


@pytest.mark.parametrize("case", LIES)
def test_a_manifest_that_lies_is_refused(published: Workplace, case: str) -> None:
    manifest = published.folder() / MANIFEST
    document = json.loads(manifest.read_text())
    LIES[case](document)
    manifest.write_text(json.dumps(document))
    with pytest.raises(ServingError, match=MANIFEST):
        published.verify()


@pytest.mark.parametrize("case", RAW)
def test_a_manifest_that_is_none_is_refused(published: Workplace, case: str) -> None:
    RAW[case](published.folder())
    with pytest.raises(ServingError, match=MANIFEST):
        published.verify()


def test_a_version_exchanged_for_another_whole_one_is_refused(
    published: Workplace, workplace: Workplace
) -> None:
    (workplace.source / "model.py").write_bytes(b"import os\n")
    workplace.publish()
    published.folder().rename(published.root / "gone")
    workplace.open_up().rename(published.folder())
    with pytest.raises(ServingError, match="the model's YAML says"):
        published.verify()
