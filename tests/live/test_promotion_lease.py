from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from tests.unit.serving.promotion import racing

pytestmark = pytest.mark.live


def test_of_two_processes_started_together_one_wins_every_time(tmp_path: Path) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([racing.__name__])
    for number in range(50):
        together = processes.Barrier(2)
        pipes = [processes.Pipe(duplex=False) for _ in range(2)]
        both = [
            processes.Process(target=racing.race, args=(tmp_path / str(number), together, sender))
            for _, sender in pipes
        ]
        for process in both:
            process.start()
        said = sorted(receiver.recv() for receiver, _ in pipes)
        for process in both:
            process.join()
        assert said[1] == "fence 1"
        assert said[0].startswith("75 ")
        assert "is being done by kim" in said[0]
