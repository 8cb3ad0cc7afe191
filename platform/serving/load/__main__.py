"""`python -m serving.load SPEC --to FILE`: sends until it gets SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from pathlib import Path

from serving.errors import ServingError
from serving.load.sending import send
from serving.load.spec import Spec, read_spec


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m serving.load", description=__doc__)
    parser.add_argument("spec", type=Path, help="what to send: JSON, see `Spec`")
    parser.add_argument("--to", type=Path, required=True, help="the record; it must not exist yet")
    arguments = parser.parse_args()
    try:
        spec = read_spec(arguments.spec)
        if arguments.to.exists():
            parser.error(f"{arguments.to} exists already")
        asyncio.run(_until_told(spec, arguments.to))
    except ServingError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


async def _until_told(spec: Spec, to: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gc.freeze()  # what is loaded by now stays; a pause would be somebody's latency
    await send(spec, to, stop)


if __name__ == "__main__":
    main()
