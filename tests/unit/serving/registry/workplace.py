"""A model's YAML, files to publish and a store, in a folder of the test's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from serving.contract.model import Version
from serving.registry.folder import Folder
from serving.registry.folder_store import FolderStore
from serving.registry.manifest import Manifest
from serving.registry.model_file import read
from serving.registry.publish import Candidate, publish
from serving.registry.store import Store
from serving.registry.transfer import Meter, silent
from serving.registry.verify import verify
from tests.unit.serving.contract.contracts import DIGITS

CREATED = datetime(2026, 7, 1, 12, 30, tzinfo=UTC)

_PART = """\
      backend: {backend}
      inputs: {{x: {{type: FP32, shape: [4]}}}}
      outputs: {{y__0: {{type: FP32, shape: [1]}}}}
      memory: {{weights: 10Mi, per_sample: 1Mi}}
      golden: [{{inputs: {{x: [0, 1, 2, 3]}}, outputs: {{y__0: [1]}}}}]
"""


def contract_of(name: str, backends: Mapping[str, str]) -> str:
    """A contract with one Triton model for each backend given."""
    parts = "".join(f"    {p}:\n{_PART.format(backend=b)}" for p, b in backends.items())
    head, _, rest = DIGITS.partition("    digits:\n")
    return head.replace("name: digits", f"name: {name}") + parts + rest[rest.index("resources:") :]


@dataclass(frozen=True)
class Workplace:
    root: Path
    text: str = DIGITS
    name: str = "digits"

    @property
    def yaml(self) -> Path:
        return self.root / f"{self.name}.yaml"

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def store(self) -> Path:
        return self.root / "store"

    def folder(self, version: int = 1) -> Path:
        return self.store / self.name / str(version)

    def set_up(self, files: Mapping[str, bytes]) -> Workplace:
        self.yaml.write_text(self.text)
        for path, content in files.items():
            target = self.source / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return self

    def candidate(self, version: int = 1) -> Candidate:
        return Candidate(
            model=read(self.yaml),
            version=version,
            source=Folder(self.source),
            origin="trained/digits",
            created=CREATED,
        )

    def publish(
        self, version: int = 1, store: Store | None = None, meter: Meter = silent
    ) -> Manifest:
        return publish(self.candidate(version), store or FolderStore(self.store), meter)

    def promised(self, version: int = 1) -> Version | None:
        return read(self.yaml).contract.versions.get(version)

    def verify(self, version: int = 1, store: Store | None = None) -> Manifest:
        place = store or FolderStore(self.store)
        return verify(place, self.name, version, promised=self.promised(version))

    def stored(self) -> set[str]:
        """Every path in the store but the empty lock files."""
        return {
            f"{path.relative_to(self.store)}"
            for path in self.store.rglob("*")
            if path.name != ".lock" and not (path / ".lock").exists()
        }

    def open_up(self, version: int = 1) -> Path:
        """The version's folder, made writable for a test that damages it."""
        for folder, _, files in os.walk(self.folder(version)):
            os.chmod(folder, 0o755)
            for name in files:
                os.chmod(Path(folder) / name, 0o644)
        return self.folder(version)
