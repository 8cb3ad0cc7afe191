"""python3 -m serving.toolchain setup GROUP…"""

from __future__ import annotations

import sys

from serving.toolchain.progress import Progress
from serving.toolchain.setup import GROUPS, obtain

for group in sys.argv[2:]:
    for name in GROUPS[group]:
        obtain(name, Progress())
