"""The Pulumi engine: as its makers release it where that can be had, else from its modules."""

from __future__ import annotations

import shutil
import urllib.request
from pathlib import Path

from serving.errors import ServingError
from serving.toolchain import modules
from serving.toolchain.modules import Module
from serving.toolchain.recipe import Built, Workshop

RELEASES = "https://get.pulumi.com/releases/sdk"
CONNECT_SECONDS = 5.0
VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{version}"
SDK = "github.com/pulumi/pulumi/sdk/v3"

ENGINE = Module(folder="tools/pulumi", path="github.com/pulumi/pulumi/pkg/v3", variable=VARIABLE)
LANGUAGE_HOST = Module(folder="tools/pulumi-language-python", path=SDK, variable=VARIABLE)
ENGINE_AT = Path("bin/pulumi")
LANGUAGE_HOST_AT = Path("language/pulumi-language-python")
"""Apart: an engine that finds this older host beside it cannot start Python policy packs."""


def build(shop: Workshop) -> Built:
    try:
        _release(shop)
    except (OSError, ServingError) as error:
        for made in shop.folder.iterdir():
            shutil.rmtree(made) if made.is_dir() else made.unlink()
        shop.say(f"its release cannot be had ({error}): building it from its modules")
    else:
        version = ENGINE.version
        return Built("its makers' release", {"pulumi": version, "pulumi-language-python": version})
    _from_modules(shop)
    return Built(
        "Go modules",
        {"pulumi": ENGINE.version, "pulumi-language-python": LANGUAGE_HOST.version},
    )


def _release(shop: Workshop) -> None:
    url = f"{RELEASES}/pulumi-v{ENGINE.version}-linux-x64.tar.gz"
    archive = shop.folder / "release.tar.gz"
    request = urllib.request.urlopen(url, timeout=CONNECT_SECONDS)  # noqa: S310 - always https
    with request as answer, archive.open("wb") as file:
        shutil.copyfileobj(answer, file)
    binaries = shop.folder / ENGINE_AT.parent
    binaries.mkdir()
    shop.run("tar", "-xzf", archive, "-C", binaries, "--strip-components=1")
    archive.unlink()
    host = shop.folder / LANGUAGE_HOST_AT
    host.parent.mkdir()
    host.symlink_to(Path("..") / ENGINE_AT.parent / host.name)


def _from_modules(shop: Workshop) -> None:
    """The programs, and beside them the scripts with which they start Python."""
    engine, host = shop.folder / ENGINE_AT.parent, shop.folder / LANGUAGE_HOST_AT.parent
    modules.build(shop, ENGINE, engine)
    modules.build(shop, LANGUAGE_HOST, host)
    ours = modules.unpack(shop, "tools/pulumi", SDK) / "python"
    older = modules.unpack(shop, "tools/pulumi-language-python", SDK) / "python"
    for script, beside in (
        (ours / "dist" / "pulumi-resource-pulumi-python", engine),
        (ours / "cmd" / "pulumi-language-python-exec", engine),
        (older / "dist" / "pulumi-analyzer-policy-python", engine),
        (older / "cmd" / "pulumi-language-python-exec", host),
    ):
        shutil.copyfile(script, beside / script.name)
        (beside / script.name).chmod(0o755)
    modules.clean(shop)
