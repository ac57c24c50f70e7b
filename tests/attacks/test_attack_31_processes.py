"""Key changed, from the outside: real processes, and a relay whose operator gives a name's mailbox to another key."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.processes import RelayProcess, Someone

pytestmark = pytest.mark.campaign


class SwappingRelay(RelayProcess):
    """Our own relay, with an operator who changes what it knows."""

    def forget(self, name: str) -> None:
        """Have a name free again, as if nobody had ever claimed it."""
        self.stop()
        with closing(sqlite3.connect(self.data / "relay.db")) as database:
            database.execute("DELETE FROM account WHERE name = ?", (name,))
            database.commit()
        self.start()


@pytest.fixture(name="relay")
def _relay(tmp_path: Path) -> Iterator[SwappingRelay]:
    relay = SwappingRelay(tmp_path / "relay", tls=False)
    relay.start()
    yield relay
    relay.stop()


@pytest.mark.parametrize("verified", [True, False])
def test_a_swapped_key_holds_what_is_sent_until_a_person_decides(
    relay: SwappingRelay, tmp_path: Path, *, verified: bool
) -> None:
    alice, bob = (Someone(name, tmp_path, relay.address).join() for name in ("alice", "bob"))
    assert alice.run("send", "--peer", "bob", "hello").returncode == 0
    bob.texts()
    assert bob.run("send", "--peer", "alice", "hi").returncode == 0
    assert alice.texts() == ["hi"]
    (safety,) = alice.json("fingerprint", "bob")
    if verified:
        assert alice.run("verify", "bob", str(safety["safety_number"])).returncode == 0

    relay.forget("bob")
    (tmp_path / "elsewhere").mkdir()
    impostor = Someone("bob", tmp_path / "elsewhere", relay.address).join()

    # Outgoing: kept, held, and said so, time and again.
    for _ in range(2):
        held = alice.run("--json", "send", "--peer", "bob", "for bob alone")
        assert held.returncode == 4
        assert json.loads(held.stdout)["state"] == "queued"
        assert b"changed" in held.stderr
        assert b"e2echat accept" in held.stderr

    # Incoming: opened, and marked.
    assert impostor.run("send", "--peer", "alice", "it is me, bob").returncode == 0
    shown = alice.run("receive", "--timeout", "3")
    assert b"it is me, bob" in shown.stdout
    assert b"under a new key, not accepted" in shown.stdout
    assert b"\xe2\x9c\x93" not in shown.stdout  # the mark of who is verified
    (contact,) = alice.json("contacts")
    assert (contact["key_changed"], contact["verified"]) == (True, False)

    assert impostor.texts() == []
    (other,) = alice.json("fingerprint", "bob")
    assert other["safety_number"] != safety["safety_number"]
    assert alice.run("verify", "bob", "0" * 60).returncode == 4
    assert impostor.texts() == []

    assert alice.run("accept", "bob").returncode == 0
    assert alice.run("send", "--peer", "bob", "and this").returncode == 0
    assert impostor.texts() == ["for bob alone", "for bob alone", "and this"]
    (contact,) = alice.json("contacts")
    assert (contact["key_changed"], contact["verified"]) == (False, False)
