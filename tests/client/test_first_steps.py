import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.client import local, runtime
from e2echat.client.account import Account
from e2echat.client.first_steps import EARLIEST, Way, checked_clock, checked_way, is_invitation
from e2echat.client.runtime import unix_milliseconds
from e2echat.errors import (
    InvalidAddressError,
    InvalidInvitationError,
    OutOfTimeError,
    RelayUnreachableError,
    WrongClockError,
)
from e2echat.wire.address import RelayAddress
from e2echat.wire.invitation import Invitation

if TYPE_CHECKING:
    from tests.client.conftest import Site

RELAY = RelayAddress(bytes(range(32)), "chat.example", 7443)
LINK = Invitation(RELAY, "carol", bytes(32), bytes(32), bytes(16)).link()


def test_a_relay_is_an_address_or_the_link_of_somebody_there() -> None:
    token = "/" + "a" * 26
    assert checked_way(f" {RELAY}\n") == Way(str(RELAY))
    assert checked_way(f"{RELAY}{token}") == Way(f"{RELAY}{token}")
    assert checked_way(f"{LINK[:50].upper()}\n{LINK[50:]}") == Way(str(RELAY), LINK)


def test_what_is_neither_is_told_apart() -> None:
    for text in ("", "chat.example", "4821-guitar-otter", f"{RELAY}/abc"):
        with pytest.raises(InvalidAddressError):
            checked_way(text)
    with pytest.raises(InvalidInvitationError):
        checked_way(LINK[:-1])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (LINK, True),
        ("E2ECHAT:abc", True),
        ("4821-guitar-otter", True),
        ("4821 guitar oter", True),
        (f"4821-guitar-otter@{RELAY}", True),
        ("bob", False),
        ("bob-the-builder", False),
        (f"bob@{RELAY}", False),
        ("4821", False),
        ("", False),
    ],
)
def test_an_invitation_is_told_from_a_name(text: str, meant: bool) -> None:
    assert is_invitation(text) is meant


def test_a_clock_that_stood_still_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked_clock(EARLIEST) == EARLIEST
    with pytest.raises(WrongClockError):
        checked_clock(EARLIEST - 1)
    monkeypatch.setattr(local, "unix_milliseconds", lambda: 0)
    with pytest.raises(WrongClockError):
        Account.create(tmp_path / "home", "alice", str(RELAY), None)
    assert not (tmp_path / "home").exists()


def test_the_clock_of_this_machine_can_be_right() -> None:
    assert checked_clock(unix_milliseconds())


def test_why_a_relay_is_not_reached_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(RelayUnreachableError) as refused:
        Account.create(tmp_path / "a", "alice", f"relay://{RELAY.pin}@127.0.0.1:{port}", None)
    assert refused.value.why == "refused"
    with pytest.raises(RelayUnreachableError) as unknown:
        Account.create(tmp_path / "b", "alice", f"relay://{RELAY.pin}@{'a' * 64}:{port}", None)
    assert unknown.value.why == "unknown_host"


def test_what_is_no_relay_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            with other.accept()[0] as connected:
                connected.recv(4096)
                connected.sendall(b"SSH-2.0-something\r\n")

        greeting = threading.Thread(target=greet)
        greeting.start()
        try:
            with pytest.raises(RelayUnreachableError) as error:
                Account.create(
                    tmp_path / "a", "alice", f"relay://{RELAY.pin}@127.0.0.1:{other.getsockname()[1]}", None
                )
        finally:
            greeting.join()
    assert error.value.why == "not_tls"


def test_a_clock_that_is_days_behind_is_noticed_by_the_others_keys(
    site: "Site", monkeypatch: pytest.MonkeyPatch
) -> None:
    site.create("bob")
    behind = unix_milliseconds() - 3 * 86_400_000
    monkeypatch.setattr(runtime, "unix_milliseconds", lambda: behind)
    alice = site.create("alice")
    with pytest.raises(OutOfTimeError):
        alice.send("bob", "hello")
    assert alice.contacts() == []
