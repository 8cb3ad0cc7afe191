"""`python -m examples.build OUT [NAME…]`: trains the examples, writes `OUT/<model>/<version>/`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from examples import biopsy, digits, mailroom, offers, tickets
from examples.artifact import Example

EXAMPLES: Final[Mapping[str, Callable[[], Example]]] = {
    "digits": digits.example,
    "tickets": tickets.example,
    "biopsy": biopsy.example,
    "offers": offers.example,
    "mailroom": mailroom.example,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.build", description=__doc__)
    parser.add_argument("out", type=Path, help="a folder; files of the same name are replaced")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(EXAMPLES)}")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(EXAMPLES)
    if unknown:
        parser.error(f"no such example: {', '.join(sorted(unknown))}")
    for name in arguments.names or EXAMPLES:
        example = EXAMPLES[name]()
        example.write(arguments.out / name)
        for number, version in example.versions.items():
            sys.stdout.write(f"{name} {number}: {version.about}; {version.score}\n")


if __name__ == "__main__":
    main()
