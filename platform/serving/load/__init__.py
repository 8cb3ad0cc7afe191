"""An open-loop load generator, a process of its own, and the record of all that it sent."""

from __future__ import annotations

from serving.load.recording import Load, Reading, read
from serving.load.request import Outcome, Request
from serving.load.tally import Tally

__all__ = ["Load", "Outcome", "Reading", "Request", "Tally", "read"]
