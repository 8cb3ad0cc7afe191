"""Chat completions, asked of a real server on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serving import chat
from tests.chats import Chat, Refuses, chatting

BODY = chat.request("assistant", [{"role": "user", "content": "Why?"}], max_tokens=9)


@pytest.fixture
def server() -> Iterator[Chat]:
    with chatting(lambda body: f"{body['model']} says: because") as double:
        yield double


def test_an_answer_is_the_text_of_the_first_choice(server: Chat) -> None:
    assert chat.answer(f"{server.base}/", BODY, 5.0) == "assistant says: because"
    assert server.asked[0]["temperature"] == 0, "two tries are to agree"
    assert "response_format" not in server.asked[0]


def test_a_schema_is_asked_for_as_vllm_takes_it(server: Chat) -> None:
    schema = {"type": "object"}
    chat.answer(server.base, chat.request("judge", [], max_tokens=9, schema=schema), 5.0)
    form = server.asked[0]["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["schema"] == schema


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[" * 100_000,
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": null}}]}',
    ],
    ids=["page", "deep", "empty", "no choice", "no text"],
)
def test_what_is_no_completion_is_no_answer(server: Chat, body: bytes) -> None:
    server.body = body
    with pytest.raises(chat.NoAnswer, match="completion"):
        chat.answer(server.base, BODY, 5.0)


def test_a_server_that_refuses_hangs_or_is_gone_gives_no_answer(server: Chat) -> None:
    def refusing(body: object) -> str:
        raise Refuses("the queue is full")

    server.answer = refusing
    with pytest.raises(chat.NoAnswer, match="status 503: the queue is full"):
        chat.answer(server.base, BODY, 5.0)
    server.delay = 1.0
    with pytest.raises(chat.NoAnswer, match="ReadTimeout"):
        chat.answer(server.base, BODY, 0.05)
    with pytest.raises(chat.NoAnswer, match="ConnectError"):
        chat.answer("http://127.0.0.1:9/v1", BODY, 5.0)
    with pytest.raises(chat.NoAnswer):
        chat.answer("http://xn--/v1", BODY, 5.0)
