"""`serving demo`: from training data to an answer of a real server, in a folder of its own."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from serving.contract.model import ModelContract
from serving.contract.triton_config import server_args
from serving.errors import InputError, ServingError
from serving.registry.folder import Folder
from serving.registry.folder_store import FolderStore
from serving.registry.manifest import Manifest
from serving.registry.model_file import read
from serving.registry.publish import Candidate, publish
from serving.toolchain import locate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serving.inference import Protocol
    from serving.triton import Server

MODEL: Final = "digits"
CONTRACT: Final = Path(f"platform/models/{MODEL}.yaml")
PROTOCOLS: Final[tuple[Protocol, ...]] = ("http", "grpc")
REQUESTS: Final = 20
INK: Final = " .:-=+*#%@"

NEXT: Final = """
Try next:
  {bin}python -m examples.build /tmp/examples
  {bin}serving model validate digits 2 --from /tmp/examples/digits/2    a better version
  {bin}serving model validate digits 5 --from /tmp/examples/digits/5    one that answers wrong
  {bin}serving model check                                              are all contracts sound?"""


def demo() -> None:
    """Train a small model, publish it, serve it with a real Triton, ask it for a digit."""
    # brings numpy, as serving.triton does below: only their own users wait for them
    import numpy as np

    if not CONTRACT.exists():
        raise InputError(f"{CONTRACT} is not here: run the demo from the repository")
    with tempfile.TemporaryDirectory(prefix="serving-demo-") as place:
        folder = Path(place)
        source = _train(folder / "examples")
        contract, store = _publish(folder, source / "1")
        held_out = np.load(source / "held-out.npz")
        _serve(contract, store / MODEL / "1", held_out["image"][0], held_out["label"][0])
    typer.echo(NEXT.format(bin=_beside_python()))


def _beside_python() -> str:
    """What to put before the commands of this environment, as they are typed from here."""
    folder = Path(sys.executable).parent
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    return "" if shutil.which("serving") == str(folder / "serving") else f"{folder}/"


def _train(folder: Path) -> Path:
    begun = time.monotonic()
    command = [sys.executable, "-m", "examples.build", str(folder), MODEL]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise ServingError(f"`{' '.join(command)}` failed:\n{built.stderr.strip()}")
    typer.echo(f"{built.stdout.splitlines()[0]}\n  trained in {time.monotonic() - begun:.1f} s")
    return folder / MODEL


def _publish(folder: Path, source: Path) -> tuple[ModelContract, Path]:
    """Into a store and a contract of the demo's own: the checkout stays as it is."""
    begun = time.monotonic()
    contract = Path(shutil.copy(CONTRACT, folder))
    candidate = Candidate(
        model=read(contract),
        version=1,
        source=Folder(source),
        origin="the demo",
        created=datetime.now(UTC).replace(microsecond=0),
    )
    manifest = publish(candidate, FolderStore(folder / "store"))
    seconds = time.monotonic() - begun
    typer.echo(f"  published as {manifest.digest[:19]}…, {_files(manifest)}, in {seconds:.1f} s")
    return candidate.contract, folder / "store"


def _files(manifest: Manifest) -> str:
    return f"{len(manifest.files)} files, {manifest.size / 1000:.0f} kB"


def _serve(
    contract: ModelContract, version: Path, image: NDArray[Any], label: NDArray[Any]
) -> None:
    from serving.triton import running

    begun = time.monotonic()
    budget = contract.health.startup_seconds
    flags = server_args(contract, 1)
    with running(version, [MODEL], 1, within=budget, options=flags) as server:
        triton = f"tritonserver {locate('tritonserver').version}"
        typer.echo(f"  ready on {triton} after {time.monotonic() - begun:.1f} s\n")
        typer.echo(f"A digit it has never seen, a {label}:\n\n{picture(image)}\n")
        for protocol in PROTOCOLS:
            typer.echo(_asked(server, protocol, image))


def _asked(server: Server, protocol: Protocol, image: NDArray[Any]) -> str:
    seconds = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        answer = server.infer(MODEL, 1, {"image": image[None]}, protocol)
        seconds.append(time.perf_counter() - begun)
    label, sure = answer["label"].item(), answer["probabilities"].max()
    took = f"{statistics.median(seconds) * 1000:.1f} ms"
    return f"{protocol}: {label}, {sure:.1%} sure; median of {REQUESTS} requests {took}"


def picture(image: NDArray[Any]) -> str:
    """One line per row, two characters per pixel; 0 is paper, 16 is ink."""
    shades = (image * (len(INK) - 1) / 16).round().astype(int)
    return "\n".join("    " + "".join(INK[shade] * 2 for shade in row) for row in shades)
