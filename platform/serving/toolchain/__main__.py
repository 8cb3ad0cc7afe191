"""What the Makefile calls before any environment exists."""

from __future__ import annotations

import argparse
import sys

from serving.errors import ServingError
from serving.toolchain.lock import lock_all
from serving.toolchain.programs import PROGRAMS
from serving.toolchain.progress import Progress
from serving.toolchain.setup import GROUPS, obtain, set_up


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m serving.toolchain", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    setup = commands.add_parser("setup", help="set up what groups of make targets need")
    setup.add_argument("group", nargs="+", choices=sorted(GROUPS))
    path = commands.add_parser("path", help="set up programs and print their paths")
    path.add_argument("program", nargs="+", choices=sorted(each.name for each in PROGRAMS))
    commands.add_parser("lock", help="resolve every lock file anew")
    asked = parser.parse_args()
    progress = Progress(sys.stderr)
    try:
        if asked.command == "setup":
            set_up(asked.group, progress)
        elif asked.command == "lock":
            lock_all(obtain("uv", progress), progress)
        else:
            for name in asked.program:
                sys.stdout.write(f"{obtain(name, progress).path}\n")
    except ServingError as error:
        progress.say(f"error: {error}")
        return error.exit_code
    except OSError as error:
        progress.say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        progress.say("stopped; what was completed is kept")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
