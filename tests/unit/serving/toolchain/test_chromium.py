"""A browser from the distribution, without root."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from serving.errors import ServingError
from serving.toolchain import chromium
from serving.toolchain.recipe import Workshop

from .recipes import nothing

APT = """#!/bin/sh
echo "NOTE: This is only a simulation!"
echo "Inst libogg0 (1.3.5-3 Debian:12.12/oldstable [amd64])"
echo "Inst {package} (156.0 Debian-Security:12/oldstable-security [amd64])"
echo "Conf libogg0 (1.3.5-3 Debian:12.12/oldstable [amd64])"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(
        name="chromium", folder=tmp_path, log=tmp_path / "log", obtain=nothing, say=print
    )


def apt(folder: Path, script: str) -> None:
    (folder / "apt-get").write_text(script)
    (folder / "apt-get").chmod(0o755)


def test_what_the_machine_lacks_is_asked_of_the_distribution(
    shop: Workshop, on_path: Callable[[str, str], Path]
) -> None:
    apt(on_path("apt-get", "").parent, APT.format(package=chromium.PACKAGE))
    assert chromium._lacking(shop) == ["libogg0", chromium.PACKAGE]


def test_a_distribution_without_it_says_what_to_do(
    shop: Workshop, on_path: Callable[[str, str], Path]
) -> None:
    apt(on_path("apt-get", "").parent, "#!/bin/sh\necho E: Unable to locate >&2\nexit 100\n")
    with pytest.raises(
        ServingError, match=r"ended with status 100:\nE: Unable to locate\n  what to"
    ):
        chromium.build(shop)


def test_without_apt_it_says_so(shop: Workshop, on_path: Callable[[str, str], Path]) -> None:
    with pytest.raises(ServingError, match=r"apt-get --simulate .* failed: .*No such file"):
        chromium.build(shop)


def test_its_own_libraries_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "usr" / "lib" / "x86_64-linux-gnu" / "libogg.so.0"
    library.parent.mkdir(parents=True)
    library.touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", "/mine")
    assert chromium.environment(tmp_path)["LD_LIBRARY_PATH"] == f"{library.parent}:/mine"


def test_one_that_does_not_start_is_no_browser(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="does not start"):
        chromium.probe(tmp_path)
    browser = tmp_path / chromium.BROWSER
    browser.parent.mkdir(parents=True)
    browser.write_text("#!/bin/sh\necho a library is missing >&2\nexit 127\n")
    browser.chmod(0o755)
    with pytest.raises(ServingError, match="does not start:\na library is missing"):
        chromium.probe(tmp_path)
    browser.write_text("#!/bin/sh\necho Chromium 156.0.8078.108\n")
    assert chromium.probe(tmp_path) == "156.0.8078"
