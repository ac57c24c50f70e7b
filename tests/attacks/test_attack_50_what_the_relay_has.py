"""The relay's disk, log and record, searched for plaintext, keys and senders: absent. No connection names two people."""

import base64
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from e2echat.client.account import Account
from e2echat.client.events import MessageArrived, MessageState
from e2echat.client.holding import Holding, unlock
from e2echat.crypto.session import Session
from e2echat.relay.limits import Limits
from e2echat.relay.record import RecordReader
from e2echat.relay.server import Relay
from e2echat.store.profile import Profile

PATIENCE = 30.0
TEXTS = ("the crow flies at midnight", "so does the owl", "and the third is for who is away")


def hidden(value: object) -> Iterator[bytes]:
    """All octets that lie where a repr does not show them: what is secret."""
    if is_dataclass(value):
        for each in fields(value):
            part = getattr(value, each.name)
            if isinstance(part, bytes) and not each.repr and len(part) >= 16:
                yield part
            yield from hidden(part)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from hidden(part)


def secrets_of(holding: Holding) -> set[bytes]:
    """Everything that opens or signs something of an account's, at this moment."""
    own, records = holding.own, holding.records
    found = {own.key.seed, own.sign_in.seed, own.device.key.secret}
    for prekey in records.prekeys.select():
        found |= {prekey.dh_secret, prekey.kem_seed}
    for row in records.sessions.select():
        session = Session.from_bytes(row.state)
        # The preamble is in the envelope; a header's tail may be zeros.
        found |= {each for each in hidden(session) if each != session.preamble and any(each)}
    return found - known_to_the_relay(holding)


def known_to_the_relay(holding: Holding) -> set[bytes]:
    """Delivery capabilities: whoever submits shows them. Of these the disk has hashes alone."""
    theirs = [contact.capability for contact in holding.records.contacts.select()]
    return {each for each in (holding.records.own("capability"), *theirs) if each}


def spellings(octets: bytes) -> Iterator[bytes]:
    yield octets
    yield octets.hex().encode()
    for skip in range(3):
        # However it lies in what was encoded as a whole.
        encoded = base64.b64encode(bytes(skip) + octets)
        yield encoded[4 : len(encoded) // 4 * 4 - 4]


def hear(account: Account, count: int) -> list[str]:
    heard: list[str] = []
    while len(heard) < count:
        event = account.next_event(PATIENCE)
        assert event is not None
        if isinstance(event, MessageArrived):
            heard.append(event.message.text)
    return heard


class Scene:
    """Two people who have talked, one of whom is away while something waits for him."""

    def __init__(self, relay: Relay, directory: Path, record: Path) -> None:
        self.secrets: set[bytes] = set()
        self.capabilities: set[bytes] = set()
        self.identifiers: dict[str, set[bytes]] = {}
        self.record = record
        self._directory = directory
        with self._create("alice", relay) as alice, self._create("bob", relay) as bob:
            alice.send("bob", TEXTS[0])
            assert hear(bob, 1) == [TEXTS[0]]
            bob.wait(bob.send("alice", TEXTS[1]), MessageState.DELIVERED, PATIENCE)
        self._collect("alice", "bob")
        with self._open("alice") as alice:
            alice.wait(alice.send("bob", TEXTS[2]), MessageState.STORED, PATIENCE)
        files = [path for path in relay._data.iterdir() if path.is_file()]
        self.disk = {path: path.read_bytes() for path in files}
        with self._open("bob") as bob:
            assert hear(bob, 1) == [TEXTS[2]]
        self._collect("alice", "bob")

    def _create(self, name: str, relay: Relay) -> Account:
        return Account.create(self._directory / name, name, str(relay.address), None, timeout=PATIENCE)

    def _open(self, name: str) -> Account:
        return Account.open(self._directory / name, lambda: "")

    def _collect(self, *names: str) -> None:
        for name in names:
            profile = Profile.open(self._directory / name)
            holding = Holding.open(profile, profile.lock(), unlock(profile, lambda: ""))
            self.secrets |= secrets_of(holding)
            self.capabilities |= known_to_the_relay(holding)
            own = holding.own
            identity, device = own.device.identity.key, own.device.device.key
            self.identifiers[name] = {name.encode(), identity, device, own.claim.key}
            holding.release()

    def sightings(self) -> dict[int, bytes]:
        """What was said on each connection."""
        said: dict[int, bytes] = defaultdict(bytes)
        with closing(RecordReader(self.record)) as reader:
            for sighting in reader.sightings():
                said[sighting.connection] += sighting.data
        return said


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    record = tmp_path / "record"
    # Without zeros to search in.
    relay = Relay(tmp_path / "relay", record=record, limits=Limits(log_bytes=0))
    relay.start()
    try:
        yield Scene(relay, tmp_path, record)
    finally:
        relay.stop()


def test_neither_disk_nor_log_nor_record_has_plaintext_keys_or_senders(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(scene.secrets) > 100
    log = "\n".join(f"{each.getMessage()} {vars(each)}" for each in caplog.records).encode()
    everything = b"\n".join([log, *scene.disk.values(), *scene.sightings().values()])
    assert b"alice" in everything
    for octets in scene.secrets | {text.encode() for text in TEXTS}:
        assert not any(spelling in everything for spelling in spellings(octets))
    for name in ("alice", "bob"):
        assert name.encode() not in log
    for capability in scene.capabilities:
        assert not any(capability in content for content in scene.disk.values())


def test_what_waits_on_the_disk_does_not_say_whose_it_is(scene: Scene, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path, content in scene.disk.items():
        (copy / path.name).write_bytes(content)
    with closing(sqlite3.connect(copy / "relay.db")) as database:
        (mailbox,) = database.execute("SELECT mailbox FROM account WHERE name = 'alice'").fetchone()
        waiting = database.execute("SELECT * FROM segment").fetchall()
    assert waiting
    rows = [
        column if isinstance(column, bytes) else repr(column).encode() for row in waiting for column in row
    ]
    for identifier in scene.identifiers["alice"] | {mailbox}:
        assert not any(identifier in column for column in rows)


def test_no_connection_carries_the_names_of_both(scene: Scene) -> None:
    said = scene.sightings()
    found: dict[str, set[int]] = {name: set() for name in ("alice", "bob")}
    for connection, content in said.items():
        for name, identifiers in scene.identifiers.items():
            if any(identifier in content for identifier in identifiers):
                found[name].add(connection)
    assert found["alice"]
    assert found["bob"]
    assert not found["alice"] & found["bob"]
