"""JSON-RPC lines: whole, byte by byte, and everything that is none."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat import errors
from e2echat.client import rpc
from e2echat.client.rpc import Lines, Request, RequestError, parse_answer, parse_request
from e2echat.errors import E2EChatError, KeyChangedError, MalformedError, RefusedError

ERRORS = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, E2EChatError)]


def test_lines_come_out_however_they_come_in() -> None:
    data = b"one\n\ntwo\nthree"
    for size in (1, 2, 5, 100):
        lines = Lines(10)
        got = [line for at in range(0, len(data), size) for line in lines.feed(data[at : at + size])]
        assert got == [b"one", b"", b"two"]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_line_without_end_is_refused_before_it_is_kept(size: int) -> None:
    lines = Lines(10)
    assert list(lines.feed(b"0123456789\n")) == [b"0123456789"]
    for _ in range(10 // size):
        assert list(lines.feed(b"x" * size)) == []
    with pytest.raises(RequestError):
        list(lines.feed(b"x" * size))
    assert len(lines._rest) <= 10


def test_a_request_there_and_back() -> None:
    line = rpc.request_line("send", {"peer": "bob"}, 7)
    assert line.endswith(b"\n")
    assert parse_request(line) == Request("send", {"peer": "bob"}, 7)
    assert parse_request(b'{"jsonrpc": "2.0", "method": "status"}') == Request("status", {}, wanted=False)


@pytest.mark.parametrize(
    ("line", "code", "request_id"),
    [
        (b"", rpc.PARSE_ERROR, None),
        (b"\xff", rpc.PARSE_ERROR, None),
        (b"{", rpc.PARSE_ERROR, None),
        (b"[" * 100_000, rpc.PARSE_ERROR, None),
        (b'{"jsonrpc":"2.0","method":"x","id":1,"params":{"a":NaN}}', rpc.PARSE_ERROR, None),
        (b'{"id":' + b"9" * 10_000 + b"}", rpc.PARSE_ERROR, None),
        (b"[]", rpc.INVALID_REQUEST, None),
        (b"3", rpc.INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","method":"x","id":[]}', rpc.INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","method":"x","id":true}', rpc.INVALID_REQUEST, None),
        (b'{"jsonrpc":"1.0","method":"x","id":"a"}', rpc.INVALID_REQUEST, "a"),
        (b'{"jsonrpc":"2.0","method":3,"id":"a"}', rpc.INVALID_REQUEST, "a"),
    ],
)
def test_what_is_no_request(line: bytes, code: int, request_id: object) -> None:
    with pytest.raises(RequestError) as refused:
        parse_request(line)
    assert (refused.value.code, refused.value.request) == (code, request_id)


@given(st.binary())
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    for parse in (parse_request, parse_answer):
        with suppress(MalformedError):
            parse(data)


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_every_error_comes_back_as_itself(cls: type[E2EChatError]) -> None:
    answer = parse_answer(rpc.error_line(1, cls("why")))
    assert type(answer.error) is cls
    assert str(answer.error) == "why"


def test_what_an_error_carries_comes_back() -> None:
    changed = parse_answer(rpc.error_line(1, KeyChangedError("held", "00"))).error
    refused = parse_answer(rpc.error_line(1, RefusedError("no", "name_taken"))).error
    assert isinstance(changed, KeyChangedError)
    assert changed.message_id == "00"
    assert isinstance(refused, RefusedError)
    assert refused.reason == "name_taken"


def test_an_error_without_words_says_what_its_class_says() -> None:
    answer = parse_answer(rpc.error_line(1, errors.NoProfileError()))
    assert str(answer.error) == errors.NoProfileError.__doc__


@pytest.mark.parametrize(
    "error",
    [
        {"code": 1, "message": "later", "data": {"name": "LaterError", "more": 1}},
        {"code": 1, "message": "later", "data": {"name": "RefusedError", "more": 1}},
        {"code": 1, "message": "later", "data": 7},
        {"code": 1, "message": "later"},
    ],
)
def test_errors_of_another_version_are_errors_still(error: dict[str, Any]) -> None:
    answer = parse_answer(json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode())
    assert isinstance(answer.error, E2EChatError)
    assert str(answer.error) == "later"


@pytest.mark.parametrize("line", [b"[]", b"{}", b'{"error": 3}', b'{"error": {"message": 3}}'])
def test_what_is_no_answer(line: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_answer(line)
