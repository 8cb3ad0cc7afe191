"""The six versions of the image classifier: one good, one better, three bad, one unloadable."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias, get_args

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from serving.inference import Protocol, total
from serving.triton import Server, TritonFailed
from tests.live.samples import accuracy, held_out
from tests.live.versions import example, served

pytestmark = pytest.mark.live

Servers: TypeAlias = Mapping[int, Server]


@pytest.fixture(scope="module")
def servers(built: Path) -> Iterator[Servers]:
    """By version."""
    with ExitStack() as stack:
        yield {
            version: stack.enter_context(
                served(example("digits"), built / "digits" / f"{version}", version)
            )
            for version in range(1, 6)
        }


def test_the_second_reads_more_than_the_first_and_both_what_the_build_said(
    servers: Servers,
) -> None:
    from examples import digits

    measured = {version: accuracy(servers[version], "digits", version) for version in (1, 2)}
    for version, share in measured.items():
        assert digits.example().versions[version].score.startswith(f"accuracy {share:.1%}")
    assert measured[2] > measured[1] + 0.01


def test_the_third_is_300_ms_slower_than_the_second(servers: Servers) -> None:
    assert 0.25 < median_seconds(servers, 3) - median_seconds(servers, 2) < 0.6


def test_the_fourth_fails_a_tenth_of_all_requests_the_same_ones_over_both_protocols(
    servers: Servers,
) -> None:
    over_http, over_grpc = (failing(servers[4], protocol) for protocol in get_args(Protocol))
    assert over_http == over_grpc
    assert 0.07 < len(over_http) / len(held_out("digits")["image"]) < 0.13
    assert servers[4].ready("digits", 4), "it answers with errors, it does not crash"


def test_the_fifth_is_always_wrong_and_never_fails(servers: Servers) -> None:
    assert accuracy(servers[5], "digits", 5) < 0.02
    assert total(servers[5].metrics(), "nv_inference_request_failure") == 0


def test_the_sixth_does_not_load_and_says_why(built: Path) -> None:
    with (
        pytest.raises(TritonFailed, match=r"model\.onnx failed.*[Pp]rotobuf"),
        served(example("digits"), built / "digits" / "6", 6),
    ):
        pass


def median_seconds(servers: Servers, version: int) -> float:
    seconds = []
    for image in held_out("digits")["image"][:5]:
        begun = time.perf_counter()
        servers[version].infer("digits", version, {"image": image[np.newaxis]})
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def failing(server: Server, protocol: Protocol) -> set[int]:
    found = {}
    for index, image in enumerate(held_out("digits")["image"]):
        try:
            server.infer("digits", 4, {"image": image[np.newaxis]}, protocol)
        except InferenceServerException as error:
            found[index] = error.message()
    assert all("on purpose" in message for message in found.values())
    return set(found)
