"""Becomes a program that may write below some folders only: `confined FOLDER... -- COMMAND...`."""

from __future__ import annotations

import ctypes
import os
import struct
import sys

CREATE, ADD, RESTRICT = 444, 445, 446
"""Landlock's system calls."""
ASK_VERSION, BENEATH = 1, 1
NO_NEW_PRIVILEGES = 38
WRITING = 1 << 1 | sum(1 << right for right in range(4, 13))
"""Writing, making and removing, as its first version has them."""
MOVING = 1 << 13
"""From one folder to another; known from the second version on, and forbidden unless allowed."""

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """Of Landlock in this kernel; below 1 where it has none."""
    return int(_libc.syscall(CREATE, None, 0, ASK_VERSION))


def confine(*folders: str) -> None:
    rights = WRITING | (MOVING if version() > 1 else 0)
    handled = struct.pack("=Q", rights)
    rules = _libc.syscall(CREATE, handled, len(handled), 0)
    for folder in folders:
        descriptor = os.open(folder, os.O_PATH)
        _libc.syscall(ADD, rules, BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    _libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if _libc.syscall(RESTRICT, rules, 0):
        raise OSError(ctypes.get_errno(), "cannot be confined")


if __name__ == "__main__":
    where = sys.argv.index("--")
    confine(*sys.argv[1:where])
    os.execvp(sys.argv[where + 1], sys.argv[where + 1 :])
