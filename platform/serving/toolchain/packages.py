"""Files from package indexes: Python wheels into folders, distribution packages without root."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path

from serving.errors import ServingError
from serving.toolchain import interpreter
from serving.toolchain.interpreter import Interpreter
from serving.toolchain.recipe import CHECKOUT, Workshop

LOCKED = ("--require-hashes", "--only-binary", ":all:")


def pinned(lock: str, package: str = r"\S+") -> str:
    """The version of a package in a lock file, of the only one if none is named."""
    found = re.search(rf"^{package}==(\S+)", (CHECKOUT / lock).read_text(), re.MULTILINE)
    if found is None:
        raise ServingError(f"{lock}: expected `{package}==version`; `make lock` writes it")
    return found[1]


def unpack_wheel(shop: Workshop, lock: str, into: Path) -> None:
    python = interpreter.running().path
    _install(shop, lock, "--no-deps", "--python", python, "--target", into)


def make_environment(shop: Workshop, lock: str, python: str | Path, folder: Path) -> None:
    """One that may be moved: the cache builds aside and renames."""
    shop.run(*shop.obtain("uv").command("venv", "--relocatable", "--python"), python, folder)
    _install(shop, lock, "--python", folder / "bin" / "python")


def _install(shop: Workshop, lock: str, *options: str | Path) -> None:
    install = shop.obtain("uv").command("pip", "install", *LOCKED)
    shop.run(*install, *options, "--requirement", CHECKOUT / lock)


def install_with_pip(shop: Workshop, lock: str, into: Path) -> None:
    """For uv alone; a Python of a distribution may come without pip and without ensurepip."""
    python = interpreter.running()
    program: str | Path = python.path
    settings = {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0"}
    aside = shop.folder / "pip"
    if importlib.util.find_spec("pip"):
        program = sys.executable
    elif importlib.util.find_spec("ensurepip"):
        shop.run(program, "-m", "venv", aside)
        program = aside / "bin" / "python"
    else:
        settings["PYTHONPATH"] = _debian_pip(shop, python, aside)
    shop.run(
        *(program, "-m", "pip", "install", "--no-deps", *LOCKED),
        *("--target", into, "--requirement", CHECKOUT / lock),
        env=settings,
    )
    shutil.rmtree(aside, ignore_errors=True)


def _debian_pip(shop: Workshop, python: Interpreter, into: Path) -> str:
    """A search path that has pip. Until Python 3.12 it may need distutils, a package apart."""
    libraries = into / "usr" / "lib" / f"python{python.minor}"
    unpack_debian(shop, "python3-pip-whl", into)
    if python.version < (3, 12):
        unpack_debian(shop, "python3-distutils", into)
        (libraries / "distutils" / "__init__.py").touch()  # the package leaves it to Python's own
    wheel = next(into.glob("usr/share/python-wheels/pip-*.whl"))
    return f"{wheel}:{libraries}"


def unpack_debian(shop: Workshop, package: str, into: Path) -> None:
    """Only the files: no root, no scripts run, no service started."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise ServingError(
            f"{shop.name}: needs the distribution package {package}, and there is no apt-get here: "
            "install it with this distribution's own tools, then repeat"
        )
    into.mkdir(parents=True, exist_ok=True)
    shop.run("apt-get", "download", package, cwd=into)
    archive = next(into.glob(f"{package}_*.deb"))
    shop.run("dpkg-deb", "-x", archive, into)
    archive.unlink()
