"""A folder with the files of another one, where what is written stays. Standard library only."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def make(folder: Path, target: Path) -> None:
    remove(folder)
    for inside, _, names in os.walk(target):
        here = folder / Path(inside).relative_to(target)
        here.mkdir(parents=True)
        for name in names:
            (here / name).symlink_to(Path(inside).resolve() / name)


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
