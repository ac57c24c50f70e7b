"""JSON-RPC 2.0 between the process that owns a profile and the others: one object a line. docs/bots.md.

Bytes and values only. Errors of ours travel by the name of their class, so that whoever asked raises the same.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from e2echat import errors
from e2echat.errors import E2EChatError, MalformedError

VERSION = 1
"""Of the methods and their values; goes up when one changes its meaning or goes away."""
MAX_LINE = 1 << 20
"""Bytes of a request; the longest text needs a third of it."""
MAX_ANSWER = 64 << 20
"""Bytes of an answer, which a long history can fill."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
OURS = -32000
"""An error of e2echat's own: its class is under ``name`` in ``data``."""

Id: TypeAlias = int | str | None
_CLASSES = {
    name: cls for name, cls in vars(errors).items() if isinstance(cls, type) and issubclass(cls, E2EChatError)
}


class RequestError(MalformedError):
    """A request that cannot be served. ``code``: as JSON-RPC has them; ``request``: its id, if it has one."""

    def __init__(self, message: str, code: int, request: Id = None) -> None:
        super().__init__(message)
        self.code = code
        self.request = request


@dataclass(frozen=True, slots=True)
class Request:
    """One call. ``wanted``: it has an id, so it is answered."""

    method: str
    params: Any
    id: Id = None
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call: ``error``, or else ``result``. ``id`` None: the error of no call in particular."""

    id: Id
    result: Any = None
    error: E2EChatError | None = None


class Lines:
    """Splits what arrives into lines, none longer than ``most`` bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that ``data`` completes.

        Raises:
            RequestError: a line has no end within bounds; nothing that follows can be read.
        """
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._grow(piece)
            line = bytes(self._rest)
            self._rest.clear()
            yield line
        self._grow(rest)

    def _grow(self, piece: bytes) -> None:
        if len(self._rest) + len(piece) > self._most:
            raise RequestError(f"a line has at most {self._most} bytes", INVALID_REQUEST)
        self._rest += piece


def request_line(method: str, params: dict[str, Any], request: Id) -> bytes:
    """A call as it is sent."""
    return _line({"jsonrpc": "2.0", "id": request, "method": method, "params": params})


def parse_request(line: bytes) -> Request:
    """The call in a line.

    Raises:
        RequestError: there is none.
    """
    values = _parsed(line)
    if not isinstance(values, dict):
        raise RequestError("a request is an object; there are no batches", INVALID_REQUEST)
    request = values.get("id")
    if not isinstance(request, str | int | None) or isinstance(request, bool):
        raise RequestError("an id is a number or a string", INVALID_REQUEST)
    method = values.get("method")
    if values.get("jsonrpc") != "2.0" or not isinstance(method, str):
        raise RequestError('a request has "jsonrpc": "2.0" and a method', INVALID_REQUEST, request)
    return Request(method, values.get("params", {}), request, wanted="id" in values)


def result_line(request: Id, result: Any) -> bytes:  # noqa: ANN401 - whatever JSON can say
    """A good answer as it is sent."""
    return _line({"jsonrpc": "2.0", "id": request, "result": result})


def error_line(request: Id, error: E2EChatError) -> bytes:
    """A bad one."""
    if isinstance(error, RequestError):
        body: dict[str, Any] = {"code": error.code, "message": str(error)}
    else:
        sentence = str(error) or str(type(error).__doc__)
        body = {"code": OURS, "message": sentence, "data": {"name": type(error).__name__, **vars(error)}}
    return _line({"jsonrpc": "2.0", "id": request, "error": body})


def parse_answer(line: bytes) -> Answer:
    """The answer in a line.

    Raises:
        MalformedError: there is none.
    """
    values = _parsed(line)
    if not isinstance(values, dict) or not ({"result", "error"} & values.keys()):
        raise MalformedError("not an answer")
    error = values.get("error")
    return Answer(values.get("id"), values.get("result"), None if error is None else _error(error))


def _error(body: Any) -> E2EChatError:  # noqa: ANN401 - whatever came
    if not isinstance(body, dict) or not isinstance(body.get("message"), str):
        raise MalformedError("not an error")
    data = body.get("data")
    fields = dict(data) if isinstance(data, dict) else {}
    cls = _CLASSES.get(str(fields.pop("name", "")), E2EChatError)
    try:
        return cls(body["message"], **fields)
    except TypeError:
        # Of a version that says more of it.
        return cls(body["message"])


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes) -> Any:  # noqa: ANN401 - whatever came
    try:
        return json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise RequestError("not JSON", PARSE_ERROR) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
