"""The Pulumi program: read the stack's settings once, build what they describe."""

from __future__ import annotations

from serving.stacks.program import program

program()
