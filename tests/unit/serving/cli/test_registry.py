from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from serving.cli import registry
from serving.errors import InputError, ServingError
from tests.unit.serving.registry.hostile_sources import FILES
from tests.unit.serving.registry.workplace import Workplace

app = typer.Typer(pretty_exceptions_enable=False)
app.command("publish")(registry.publish_version)
app.command("verify")(registry.verify_version)
app.command("list")(registry.list_versions)
app.command("show")(registry.show_version)
app.command("prune")(registry.prune_versions)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.chdir(tmp_path)
    return Workplace(tmp_path).set_up(FILES)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


def publish(version: int = 1, *more: str) -> Result:
    where = ("--from", "source", "--to", "store", "--models", ".")
    return run("publish", "digits", f"{version}", *where, *more)


def test_publishing_says_what_was_done_and_keeps_progress_off_stdout(here: Workplace) -> None:
    result = publish()
    promised = here.promised()
    assert promised is not None
    said = f"digits 1 is published to store and entered in digits.yaml: {promised.digest} (5 files"
    assert result.stdout.startswith(said)
    assert result.stdout.count("\n") == 1
    assert "copying to store: 8.2 kB in " in result.stderr
    assert promised.source == "source"


def test_the_manifest_is_the_machine_readable_answer(here: Workplace) -> None:
    answer = publish(1, "--json").stdout
    assert answer == (here.folder() / "manifest.json").read_text()
    assert run("show", "digits", "1", "--in", "store", "--json").stdout == answer
    verified = run("verify", "digits", "1", "--in", "store", "--models", ".", "--json")
    assert verified.stdout == answer


def test_verifying_says_against_what(here: Workplace) -> None:
    publish()
    verify = ("verify", "digits", "1", "--in", "store", "--models", ".")
    assert "digits 1 is what the model's YAML says: sha256:" in run(*verify).stdout
    here.yaml.write_text(here.text)
    assert "what its manifest says; the YAML does not know it" in run(*verify).stdout


def test_a_damaged_version_ends_with_code_2_and_the_name(here: Workplace) -> None:
    publish()
    (here.open_up() / "digits/1/model.py").write_text("other")
    result = run("verify", "digits", "1", "--in", "store", "--models", ".")
    assert isinstance(result.exception, ServingError)
    assert result.exception.exit_code == 2
    assert "digits/1/model.py: has 5 bytes, expected" in str(result.exception)


def test_the_list_has_a_line_for_each_version(here: Workplace) -> None:
    publish(1)
    publish(2)
    header, first, second = run("list", "--in", "store").stdout.splitlines()
    assert header.split() == ["model", "version", "size", "created", "digest", "source"]
    assert first.split()[:2] == ["digits", "1"]
    assert second.split()[:2] == ["digits", "2"]
    assert second.split()[-1] == "source"


def test_a_list_with_something_broken_ends_with_code_1(here: Workplace) -> None:
    publish()
    (here.store / "digits" / "v2").mkdir()
    result = run("list", "digits", "--in", "store", "--json")
    assert result.exit_code == 1
    assert "digits v2: is not a version" in result.stderr
    good, bad = json.loads(result.stdout)[0], json.loads(result.stdout)[1]
    assert (good["version"], good["problem"], good["framework"]) == (1, None, "python")
    assert bad["version"] == "v2"
    assert "files" not in good


def test_an_empty_store_lists_nothing(here: Workplace) -> None:
    result = run("list", "--in", "store")
    assert (result.exit_code, result.stdout) == (0, "")


def test_show_lists_every_file_with_its_sum(here: Workplace) -> None:
    publish()
    lines = run("show", "digits", "1", "--in", "store").stdout.splitlines()
    assert "framework  python" in lines
    assert [line.split()[-1] for line in lines[9:]] == [
        "contract.json",
        "digits/1/model.py",
        "digits/1/weights/w.bin",
        "digits/config.pbtxt",
        "digits/warmup/golden-0-input-0",
    ]


def test_an_unknown_version_is_an_error_that_says_where_to_look(here: Workplace) -> None:
    result = run("show", "digits", "9", "--in", "store")
    assert isinstance(result.exception, InputError)
    assert "digits 9 is not in store: `list` shows what is" in str(result.exception)


@pytest.mark.parametrize("name", ["../digits", "/etc", "Digits", "", "a b"])
@pytest.mark.parametrize("verb", ["list", "prune"])
def test_a_name_that_leads_elsewhere_is_refused(here: Workplace, verb: str, name: str) -> None:
    result = run(verb, name, "--in", "store")
    assert isinstance(result.exception, InputError)
    assert "is not the name of a model" in str(result.exception)


def test_pruning_only_shows_its_plan_until_it_is_told_yes(here: Workplace) -> None:
    for version in range(1, 6):
        publish(version)
    release = "config: {'serving:releases': {digits: {stable: 1}}}\n"
    (here.root / "Pulumi.prod.yaml").write_text(release)
    plan = run("prune", "digits", "--in", "store")
    assert plan.stdout == (
        "keep   1: stable in Pulumi.prod.yaml\nkeep   3: one of the newest 3\n"
        "keep   4: one of the newest 3\nkeep   5: one of the newest 3\nremove 2\n"
    )
    assert "nothing was removed: repeat with --yes" in plan.stderr
    assert here.folder(2).exists()
    assert "removed 2" in run("prune", "digits", "--in", "store", "--yes").stdout
    assert not here.folder(2).exists()
    answer = run("prune", "digits", "--in", "store", "--json").stdout
    assert json.loads(answer)["remove"] == []


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_an_empty_place_is_refused_and_nothing_is_written(here: Workplace, option: str) -> None:
    before = sorted(here.root.rglob("*"))
    where = {"--from": "source", "--to": "store", option: ""}
    result = run("publish", "digits", "1", "--models", ".", *(x for p in where.items() for x in p))
    assert isinstance(result.exception, InputError)
    assert "empty text" in str(result.exception)
    assert sorted(here.root.rglob("*")) == before


def test_a_version_number_has_a_largest(here: Workplace) -> None:
    assert publish(10**30).exit_code == 2


def test_an_empty_store_is_told_from_a_full_one(here: Workplace) -> None:
    assert "nowhere holds no version" in run("list", "--in", "nowhere").stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_publisher_that_is_told_to_stop_clears_up_first(
    here: Workplace, how: signal.Signals
) -> None:
    with (here.source / "model.py").open("r+b") as model:
        model.truncate(4 << 30)
    command = [sys.executable, "-m", "serving.cli", "model", "publish", "digits", "1"]
    where = ["--from", "source", "--to", "store", "--models", "."]
    process = subprocess.Popen([*command, *where], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not list(here.store.rglob(".aside*/**/model.py")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    assert process.wait(30) == 128 + how
    assert [path for path in here.store.rglob("*") if path.name != ".lock" and path.is_file()] == []
