"""The programs this project runs, found or built; needs nothing but the standard library."""

from __future__ import annotations

from serving.toolchain.programs import locate
from serving.toolchain.tool import Tool, ToolMissing

__all__ = ["Tool", "ToolMissing", "locate"]
