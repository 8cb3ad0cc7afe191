"""Rewrite the golden names after an intended rename: `python -m tests.unit.golden`."""

from __future__ import annotations

from tests.unit.golden import rewrite

rewrite()
