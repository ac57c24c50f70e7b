"""Two processes on one profile: both work, through one owner; nobody else's process gets in between."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2echat.client.account import Account
from e2echat.client.events import MessageArrived
from e2echat.errors import ProfileBusyError, UnsafeProfileError
from e2echat.relay.server import Relay

PATIENCE = 30.0


@pytest.fixture
def create(tmp_path: Path) -> Iterator[Callable[[str], Account]]:
    relay = Relay(tmp_path / "relay")
    relay.start()
    made: list[Account] = []

    def make(name: str) -> Account:
        made.append(Account.create(tmp_path / name, name, str(relay.address), None, timeout=PATIENCE))
        return made[-1]

    yield make
    for account in made:
        account.close()
    relay.stop()


def test_both_work_through_one_owner(create: Callable[[str], Account], tmp_path: Path) -> None:
    first, bob = create("alice"), create("bob")
    with Account.open(tmp_path / "alice", lambda: "") as second:
        first.send("bob", "one")
        second.send("bob", "two")
        texts: list[str] = []
        while len(texts) < 2:
            event = bob.next_event(PATIENCE)
            if isinstance(event, MessageArrived):
                texts.append(event.message.text)
        assert texts == ["one", "two"]
        assert [message.id for message in first.history("bob")] == [
            message.id for message in second.history("bob")
        ]


def test_the_socket_is_for_nobody_else(create: Callable[[str], Account], tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create("alice")
    finally:
        os.umask(before)
    path = tmp_path / "alice" / "agent.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("planted", ["link", "file", "directory"])
def test_what_is_planted_in_its_place_is_refused(
    create: Callable[[str], Account], tmp_path: Path, planted: str
) -> None:
    create("alice").close()
    path = tmp_path / "alice" / "agent.sock"
    with socket.socket(socket.AF_UNIX) as elsewhere:
        elsewhere.bind(str(tmp_path / "elsewhere"))
        if planted == "link":
            path.symlink_to(tmp_path / "elsewhere")
        elif planted == "file":
            path.write_text("")
        else:
            path.mkdir()
        with pytest.raises(UnsafeProfileError):
            Account.open(tmp_path / "alice", lambda: "")


def test_another_users_process_at_the_other_end_is_not_spoken_to(
    create: Callable[[str], Account], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create("alice")
    with monkeypatch.context() as patch:
        patch.setattr("e2echat.client.remote.peer_of", lambda _: (1, os.geteuid() + 1))
        with pytest.raises(ProfileBusyError, match="another user"):
            Account.open(tmp_path / "alice", lambda: "")
