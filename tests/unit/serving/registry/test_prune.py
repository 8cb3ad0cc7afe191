from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from serving.errors import InputError, ServingError
from serving.registry.folder_store import FolderStore
from serving.registry.prune import Plan, plan
from tests.unit.serving.registry.hostile_sources import FILES
from tests.unit.serving.registry.workplace import Workplace

RELEASES = """\
config:
  aws:region: eu-central-1
  serving:releases:
    digits: {stable: 2, canary: 3, weight: 10, previous: 1, revision: 7}
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    workplace = Workplace(tmp_path_factory.mktemp("six")).set_up(FILES)
    for version in range(1, 7):
        workplace.publish(version)
    return workplace


@pytest.fixture
def workplace(published: Workplace, tmp_path: Path) -> Workplace:
    return Workplace(shutil.copytree(published.root, tmp_path / "copy"))


def planned(workplace: Workplace, keep: int = 3, **stacks: str) -> Plan:
    for name, text in {"dev": "config: {}\n", **stacks}.items():
        (workplace.root / f"Pulumi.{name}.yaml").write_text(text)
    store = FolderStore(workplace.store)
    return plan(store, "digits", keep=keep, stacks=workplace.root)


def test_the_newest_three_are_kept(workplace: Workplace) -> None:
    assert planned(workplace).remove == [1, 2, 3]
    assert planned(workplace, keep=5).remove == [1]


def test_fewer_than_three_cannot_be_kept(workplace: Workplace) -> None:
    with pytest.raises(InputError, match="--keep: got 2, expected ≥ 3"):
        planned(workplace, keep=2)


def test_a_version_that_any_stack_names_is_never_removed(workplace: Workplace) -> None:
    prod = "config: {'serving:releases': {digits: {stable: 2}}}\n"
    old = "config: {'serving:releases': {digits: {stable: 6, previous: 1}}}\n"
    found = planned(workplace, prod=prod, old=old)
    assert found.remove == [3]
    assert found.keep[2] == "stable in Pulumi.prod.yaml"
    assert found.keep[1] == "previous in Pulumi.old.yaml"


def test_stable_canary_and_previous_count_weight_and_revision_do_not(
    workplace: Workplace,
) -> None:
    assert planned(workplace, prod=RELEASES).remove == []
    weight = RELEASES.replace("canary: 3, ", "").replace("weight: 10", "weight: 3")
    assert planned(workplace, prod=weight).remove == [3]


def test_without_any_stack_nothing_can_be_planned(workplace: Workplace) -> None:
    with pytest.raises(InputError, match=r"holds no Pulumi\.<stack>\.yaml"):
        plan(FolderStore(workplace.store), "digits", keep=3, stacks=workplace.source)


@pytest.mark.parametrize(
    "text",
    [
        "config: {'serving:releases': {digits: {stable: two}}}\n",
        "config: {'serving:releases': {digits: 2}}\n",
        "config: {'serving:releases': [digits]}\n",
        "config: [\n",
    ],
)
def test_a_stack_that_cannot_be_understood_stops_it(workplace: Workplace, text: str) -> None:
    with pytest.raises(ServingError, match=r"Pulumi\.prod\.yaml"):
        planned(workplace, prod=text)


def test_of_a_version_that_is_a_link_only_the_link_goes(workplace: Workplace) -> None:
    outside = workplace.root / "outside"
    workplace.open_up(1).rename(outside)
    workplace.folder(1).symlink_to(outside)
    (workplace.open_up(2) / "etc").symlink_to(outside)
    FolderStore(workplace.store).remove("digits", [1, 2])
    assert FolderStore(workplace.store).versions("digits") == ["3", "4", "5", "6"]
    assert (outside / "manifest.json").is_file()


def test_removed_versions_are_gone_and_the_others_whole(workplace: Workplace) -> None:
    store = FolderStore(workplace.store)
    (workplace.store / "digits" / ".aside-9").mkdir()
    store.remove("digits", planned(workplace).remove)
    assert store.versions("digits") == ["4", "5", "6"]
    assert [workplace.verify(version).version for version in (4, 5, 6)] == [4, 5, 6]
    assert not [*(workplace.store / "digits").glob(".aside*")]
