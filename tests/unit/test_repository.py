"""Rules about the tree that no other tool keeps."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from serving.contract.rules.models import SECRET

ROOT: Final = Path(__file__).resolve().parents[2]
PLATFORM: Final = ROOT / "platform"

CARD: Final = (
    "Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "__main__.py", "README.md",
    "platform", "components", "policies", "tests",
)  # fmt: skip

CHECKED: Final = (
    "benchmarks",
    "components",
    "examples",
    "platform",
    "tools",
    "policies/serving_policies",
)
"""Folders whose types are checked; tests are not."""

PACKAGES: Final = (
    "pulumi", "pulumi_aws", "pulumi_eks", "pulumi_kubernetes", "pydantic", "tritonclient",
    "pytest", "moto",
)  # fmt: skip


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


@cache
def imported(module: Path) -> set[str]:
    """The top-level packages that a module names in its imports."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def test_the_prescribed_files_are_there() -> None:
    assert [name for name in CARD if not (ROOT / name).exists()] == []


def test_platform_is_no_package() -> None:
    """With an `__init__.py` it would stand in for Python's own module `platform`."""
    assert not (PLATFORM / "__init__.py").exists()


@pytest.mark.parametrize("pattern", ["conftest.py", "test_*.py", "*_test.py"])
def test_platform_holds_no_test(pattern: str) -> None:
    """pytest would register a module called `platform` on the way to one."""
    assert list(PLATFORM.rglob(pattern)) == []


def test_python_finds_its_own_platform_from_the_root() -> None:
    script = "import platform, uuid; print(platform.system())"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_tests_live_in_tests_alone() -> None:
    strays = [
        path
        for path in modules(
            "components", "platform", "policies/serving_policies", "examples", "tools"
        )
        if path.name == "conftest.py" or path.name.startswith("test_")
    ]
    assert strays == []


def test_every_folder_with_tests_is_a_package() -> None:
    folders = {path.parent for path in modules("tests") if path.name.startswith("test_")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("tier", ["engine", "live"])
def test_every_test_of_a_dearer_tier_says_so(tier: str) -> None:
    mark = re.compile(rf"^pytestmark = \[?pytest\.mark\.{tier}\b", re.MULTILINE)
    unmarked = [
        path.name
        for path in (ROOT / "tests" / tier).rglob("test_*.py")
        if not mark.search(path.read_text(encoding="utf-8"))
    ]
    assert unmarked == []


def test_every_module_begins_by_saying_what_it_is_for() -> None:
    silent = []
    for path in modules("components", "platform/serving", "policies/serving_policies"):
        text = path.read_text(encoding="utf-8")
        if text and ast.get_docstring(ast.parse(text)) is None:
            silent.append(path)
    assert silent == []


def test_no_module_is_named_after_nothing() -> None:
    nothing = {"utils", "util", "helpers", "common", "base", "misc", "types"}
    assert [
        path
        for path in modules("components", "platform", "policies/serving_policies")
        if path.stem in nothing
    ] == []


def test_a_component_fits_on_a_few_screens() -> None:
    long = [
        path for path in modules("components") if path.read_text(encoding="utf-8").count("\n") > 200
    ]
    assert long == []


def test_pulumis_own_type_check_would_see_no_more_than_ours() -> None:
    """With `typechecker: mypy` it calls `mypy` with the project's folder."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert config["strict"] is True
    assert config["files"] == ["."]
    # the policies' own program has an environment of its own
    assert config["exclude"] == ["^tests/", r"^policies/__main__\.py$"]


def test_whoever_ignores_a_type_error_says_why() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in modules(*CHECKED)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if "# type: ignore" in line and not re.search(r"# type: ignore\[[a-z, -]+\]  # \S", line)
    ]
    assert silent == []


def test_config_is_read_in_one_place() -> None:
    def asks_pulumi(path: Path) -> bool:
        text = path.read_text(encoding="utf-8")
        return "pulumi.Config" in text or "pulumi.runtime.config" in text

    asking = {path.name for path in modules("components", "platform") if asks_pulumi(path)}
    assert asking == {"config.py"}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_prescribed_packages_are_used(package: str) -> None:
    assert any(package in imported(path) for path in modules("components", "platform", "tests"))


def test_nothing_in_the_tree_looks_like_a_credential() -> None:
    """REG-6. The tests of this very rule spell their examples, and are left out."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    texts = {
        name.decode(): (ROOT / name.decode()).read_text(encoding="utf-8", errors="replace")
        for name in names
        if name and (ROOT / name.decode()).is_file()
    }
    found = {name for name, text in texts.items() if SECRET.search(text)}
    assert found <= {"tests/unit/serving/contract/test_check.py"}
