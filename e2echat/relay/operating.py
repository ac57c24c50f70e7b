"""The operator's commands: to a relay that runs, over a Unix socket in its data directory; else on the directory itself.

One request a connection, a JSON object on one line; one answer, likewise.
"""

import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import LocalError, NoSuchUserError, RelayDataError, StorageError
from e2echat.relay.datadir import DataDirectory
from e2echat.relay.identity import RelayIdentity
from e2echat.relay.limits import Limits
from e2echat.relay.local import SOCKET_FILE
from e2echat.relay.opening import ADDRESS_FILE, DATABASE_FILE, Opened, open_board
from e2echat.relay.switchboard import Switchboard
from e2echat.relay.tokens import Registration
from e2echat.unix_sockets import reachable
from e2echat.wire.address import JoinAddress, RelayAddress
from e2echat.wire.names import canonical_name
from e2echat.wire.relay_messages import Refusal

MOST_USES = 10_000
MOST_DAYS = 3_660
_PATIENCE = 20.0
"""Seconds; the relay gives up sooner."""

Reply: TypeAlias = dict[str, Any]


def perform(
    board: Switchboard, address: RelayAddress, request: Mapping[str, Any], reply: Callable[[Reply], None]
) -> None:
    """Carry out one request; ``reply`` is called when it is done."""

    def removed(reason: Refusal | None) -> None:
        reply({"removed": True} if reason is None else {"refused": reason.name})

    def made(token: bytes | None) -> None:
        reply({"refused": "STORAGE"} if token is None else {"address": JoinAddress(address, token).text()})

    match request:
        case {"do": "users"}:
            reply({"users": [asdict(user) for user in board.admin.users()]})
        case {"do": "remove", "name": str(name)}:
            board.admin.remove(name, removed)
        case {"do": "token", "uses": int(uses), "days": int(days)} if (
            0 < uses <= MOST_USES and 0 < days <= MOST_DAYS
        ):
            board.admin.make_token(uses, days, made)
        case _:
            reply({"refused": "MALFORMED"})


def users(data: Path) -> list[Reply]:
    """Everybody at the relay in ``data``: name, waiting, size, connected, one_time_prekeys.

    Raises:
        RelayDataError, StorageError: the directory cannot be used.
    """
    found: list[Reply] = _operate(data, {"do": "users"})["users"]
    return found


def remove(data: Path, name: str) -> str:
    """Remove somebody; gives the name as the relay knows it.

    Raises:
        InvalidNameError: it is no name.
        NoSuchPeerError: nobody has it.
        RelayDataError, StorageError: the directory cannot be used.
    """
    name = canonical_name(name)
    _operate(data, {"do": "remove", "name": name})
    return name


def make_token(data: Path, uses: int, days: int) -> str:
    """An address to join with.

    Raises:
        RelayDataError, StorageError: the directory cannot be used, or no relay ever ran there.
    """
    address: str = _operate(data, {"do": "token", "uses": uses, "days": days})["address"]
    return address


def _operate(data: Path, request: Reply) -> Reply:
    try:
        reply = _over_socket(data / SOCKET_FILE, request)
    except (FileNotFoundError, ConnectionRefusedError):
        reply = _on_directory(data, request)
    except (OSError, ValueError) as error:
        raise RelayDataError(f"the relay in {data} does not answer") from error
    match reply.get("refused"):
        case None:
            return reply
        case "NO_SUCH_NAME":
            raise NoSuchUserError("nobody of that name is at this relay")
        case "LIMIT":
            raise LocalError("the name is being claimed just now; try again")
        case "STORAGE":
            raise StorageError("the relay's disk did not take it; nothing has changed")
        case "STOPPING":
            raise RelayDataError("the relay is stopping; try again once it has")
        case other:
            raise RelayDataError(f"the relay does not understand: {other}")


def _over_socket(path: Path, request: Reply) -> Reply:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connected:
        connected.settimeout(_PATIENCE)
        with reachable(path) as name:
            connected.connect(name)
        connected.sendall(json.dumps(request).encode() + b"\n")
        with connected.makefile("rb") as answer:
            reply: Reply = json.loads(answer.readline())
        return reply


def _on_directory(data: Path, request: Reply) -> Reply:
    """Hold the directory and do it here; no relay runs there meanwhile."""
    if not (data / DATABASE_FILE).exists():
        raise RelayDataError(f"no relay has run in {data}; choose its directory with --data")
    randomness = SystemRandomness()
    with contextlib.ExitStack() as cleanup:
        directory = DataDirectory.open(data)
        cleanup.callback(directory.close)
        address = directory.read(ADDRESS_FILE)
        if address is None:
            raise RelayDataError(f"no relay has run in {data}; start it once")
        identity = RelayIdentity.load_or_create(directory, randomness)
        opened = open_board(directory, identity.key, Limits(log_bytes=0), randomness, Registration.CLOSED)
        cleanup.callback(opened.database.close)
        return _perform_now(opened, RelayAddress.parse(address.decode()), request)


def _perform_now(opened: Opened, address: RelayAddress, request: Reply) -> Reply:
    replies: list[Reply] = []
    perform(opened.board, address, request, replies.append)
    opened.carry_out()
    (reply,) = replies
    return reply
