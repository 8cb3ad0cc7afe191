"""`serving dashboard`: one local page that shows what a stack does."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from contextlib import suppress
from typing import Annotated, Final

import typer

from serving.cli.local import LOCAL, Stack

PORT: Final = 8470
_DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY")


def dashboard(
    stack: Stack = LOCAL,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="On loopback; 0 is any that is free.")
    ] = PORT,
    open_page: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="In a browser; by default where there is a screen."),
    ] = None,
) -> None:
    """Show traffic, promotions, alerts and processes on a page of this machine, until Ctrl-C."""
    # brings the whole stack's code, as in serving.cli.local
    from serving.dashboard.local import sources_of
    from serving.dashboard.server import serving
    from serving.stacks.local.place import place_of

    with serving(sources_of(place_of(stack)), port) as server:
        typer.echo(f"{server.url} (Ctrl-C ends it)")
        if open_page or (open_page is None and _has_screen()):
            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


def _has_screen() -> bool:
    """Without one a browser for terminals would open in this very terminal."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in _DISPLAYS)
