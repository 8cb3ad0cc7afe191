"""The Pulumi program: read the stack's settings once, build what they describe."""

from __future__ import annotations

import pulumi

from serving import catalog
from serving.stacks import build, config

settings = config.read()
for name, value in build(settings, catalog.load(settings.environment)).items():
    pulumi.export(name, value)
