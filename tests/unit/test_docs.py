"""What the documents name exists: paths, links, commands, targets."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from serving.cli import app

ROOT = Path(__file__).parent.parent.parent


def tracked(*patterns: str) -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


TOP = {path.relative_to(ROOT).parts[0] for path in tracked()}
DOCUMENTS = tracked("*.md")
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]


def spans(text: str) -> Iterator[str]:
    """Inline code, outside of code blocks."""
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.M | re.S)


def commands(text: str, program: str) -> Iterator[list[str]]:
    """Command lines that start with `program`, in shell blocks and in inline code."""
    lines = [line for block in blocks(text, "(?:sh|shell|bash|console)") for line in joined(block)]
    for line in [*lines, *spans(text)]:
        if (line := line.removeprefix("$ ").strip()).startswith(f"{program} "):
            yield shlex.split(line, comments=True)


def joined(block: str) -> list[str]:
    return re.sub(r"\\\n\s*", " ", block).splitlines()


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_path_named_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = [span for span in spans(text) if span.partition("/")[0] in TOP and " " not in span]
    plain = [span.partition("#")[0] for span in named if not re.search(r"[<>{}…$]", span)]
    missing = [path for path in plain if not any(ROOT.glob(path.rstrip("/")))]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_link_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    inside = [target for target in targets if not target.startswith(("https://", "#"))]
    missing = [t for t in inside if not (document.parent / t.partition("#")[0]).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_serving_command_parses(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    wrong = [
        f"{shlex.join(words)}: {reason}"
        for words in commands(text, "serving")
        if (reason := why_it_does_not_parse(words[1:]))
    ]
    assert wrong == []


def why_it_does_not_parse(words: list[str]) -> str | None:
    command: Any = typer.main.get_command(app)
    while (subcommands := getattr(command, "commands", None)) and words and words[0].isalpha():
        if words[0] not in subcommands:
            return f"no command {words[0]}"
        command, words = subcommands[words[0]], words[1:]
    known = {name for parameter in command.params for name in (*parameter.opts, "--help", "-h")}
    unknown = [word for word in words if word.startswith("-") and word.split("=")[0] not in known]
    return f"no option {', '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    text = document.read_text(encoding="utf-8")
    used = {w for words in commands(text, "make") for w in words[1:] if re.match(r"[a-z]", w)}
    assert {word for word in used if "=" not in word} <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_diagram_closes_what_it_opens(document: Path) -> None:
    for diagram in blocks(document.read_text(encoding="utf-8"), "mermaid"):
        for opening, closing in ("[]", "()", "{}"):
            assert diagram.count(opening) == diagram.count(closing)
        assert diagram.count("subgraph") == len(re.findall(r"^\s*end\b", diagram, flags=re.M))


def test_commands_that_do_not_exist_are_found() -> None:
    assert why_it_does_not_parse(["model", "chek"]) == "no command chek"
    assert why_it_does_not_parse(["model", "check", "--sjon"]) == "no option --sjon"
    assert why_it_does_not_parse(["model", "check", "--json", "a.yaml"]) is None


def test_the_reference_is_what_the_code_says() -> None:
    pages = runpy.run_path(str(ROOT / "tools" / "reference.py"))["pages"]()
    folder = ROOT / "docs" / "reference"
    stale = [name for name, text in pages.items() if (folder / name).read_text() != text]
    assert stale == [], "run `make docs`"


def test_the_map_names_every_component() -> None:
    classes = [
        name
        for path in (ROOT / "components").rglob("*.py")
        for name in re.findall(r"^class (\w+)\(pulumi\.ComponentResource\)", path.read_text(), re.M)
    ]
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert classes
    assert [name for name in classes if f"`{name}`" not in text] == []


def test_the_readme_shows_the_two_commands_of_a_newcomer() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {"demo", "test"} <= {words[1] for words in commands(text, "make")}


def test_no_message_names_a_command_that_does_not_exist() -> None:
    texts = {
        p: p.read_text(encoding="utf-8") for p in (ROOT / "platform" / "serving").rglob("*.py")
    }
    wrong = [
        f"{path.name}: {span}"
        for path, text in texts.items()
        for span in re.findall(r'`(serving [a-z]+ [^`"{\n]*)', text)
        if why_it_does_not_parse(shlex.split(span)[1:])
    ]
    assert wrong == []
