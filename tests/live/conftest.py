"""What the live tests share: the examples, trained once."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `python -m examples.build` writes."""
    from examples.build import EXAMPLES  # loads scikit-learn, which every unit test would wait for

    folder = tmp_path_factory.mktemp("examples")
    for name, example in EXAMPLES.items():
        example().write(folder / name)
    return folder
