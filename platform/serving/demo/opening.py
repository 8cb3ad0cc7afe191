"""The opening moment: a digit that no version has seen, and what the first one makes of it."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from serving.demo.scenario import MODEL
from serving.errors import ServingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serving.load.sample import Sample

INK: Final = " .:-=+*#%@"
REQUESTS: Final = 20
_TIMEOUT_SECONDS: Final = 10.0


def picture(image: NDArray[Any]) -> str:
    """One line per row, two characters per pixel; 0 is paper, 16 is ink."""
    shades = (image * (len(INK) - 1) / 16).round().astype(int)
    return "\n".join("    " + "".join(INK[shade] * 2 for shade in row) for row in shades)


def opening(examples: Path, address: str, token: str) -> Sequence[str]:
    """Asks through the gateway, over both protocols."""
    import numpy as np

    from serving.load.sample import samples_of

    held_out = examples / MODEL / "held-out.npz"
    with np.load(held_out) as columns:
        image = columns["image"][0]
    sample = samples_of(MODEL, held_out)[0]
    said = [f"A digit it has never seen, a {sample.truth}:", "", picture(image), ""]
    return said + asyncio.run(_asked(sample, address, token))


async def _asked(sample: Sample, address: str, token: str) -> list[str]:
    from serving.load.asking import OVER

    said = []
    for protocol, over in OVER.items():
        asking = over(address, MODEL, token, _TIMEOUT_SECONDS)
        try:
            seconds = []
            for _ in range(REQUESTS):
                begun = time.perf_counter()
                reply = await asking.ask(sample)
                seconds.append(time.perf_counter() - begun)
        finally:
            await asking.close()
        if reply.answer is None:
            raise ServingError(f"{protocol}: the gateway gave no answer: {reply.problem}")
        took = f"{statistics.median(seconds) * 1000:.1f} ms"
        said.append(
            f"{protocol}: {reply.answer}, from version {reply.version}; median of {REQUESTS} "
            f"requests {took}"
        )
    return said
