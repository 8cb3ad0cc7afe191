"""STO-4, STO-8: the real Triton serves published versions, and going back is starting the other."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from serving.registry.folder import Folder
from serving.registry.folder_store import FolderStore
from serving.registry.publish import publish
from serving.registry.verify import verify
from serving.triton import running
from tests.live.versions import MODELS
from tests.unit.serving.registry.workplace import Workplace

pytestmark = pytest.mark.live


def test_versions_are_served_whole_forth_and_back(built: Path, tmp_path: Path) -> None:
    text = (MODELS / "digits.yaml").read_text().partition("versions:")[0]
    workplace = Workplace(tmp_path, text).set_up({})
    store = FolderStore(workplace.store)
    workplace.source.mkdir()
    for version in (1, 2):
        source = Folder(built / "digits" / str(version))
        publish(replace(workplace.candidate(version), source=source), store)
    image = np.array([golden(workplace)], np.float32)
    for version in (2, 1):
        with running(workplace.folder(version), ["digits"], version) as server:
            answer = server.infer("digits", version, {"image": image})
            assert answer["label"].tolist() == [[3]]
            assert not server.ready("digits", 3 - version)
        verify(store, "digits", version, promised=workplace.promised(version))


def golden(workplace: Workplace) -> object:
    runtime = workplace.candidate().contract.runtime
    assert runtime.engine == "triton"
    return runtime.models["digits"].golden[0].inputs["image"]


def test_a_bundle_is_served_from_its_one_folder(built: Path, tmp_path: Path) -> None:
    text = (MODELS / "mailroom.yaml").read_text().partition("versions:")[0]
    workplace = Workplace(tmp_path, text, "mailroom").set_up({})
    shutil.copytree(built / "mailroom" / "1", workplace.source)
    manifest = workplace.publish()
    runtime = workplace.candidate().contract.runtime
    assert runtime.engine == "triton"
    with running(workplace.folder(), list(runtime.models), 1) as server:
        assert all(server.ready(model, 1) for model in runtime.models)
    assert workplace.verify() == manifest
