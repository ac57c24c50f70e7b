"""Each check finds what it is for, in a record that is sound but for that; and what is learnable is said."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from e2echat.crypto.envelope import INITIAL_HEAD
from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.primitives import H, SystemRandomness
from e2echat.crypto.relay_records import NO_CERTIFICATE, AuthRecord, ClaimRecord, HelloRecord
from e2echat.errors import BadRecordError, EnvironmentFault
from e2echat.relay.audit.auditing import Audit, audit
from e2echat.relay.audit.traffic import BEGINNING, MAX_BODIES, Collected
from e2echat.relay.audit.uniformity import looks_sealed, unevenness
from e2echat.relay.record import Sighting
from e2echat.relay.recorder import Recorder
from e2echat.wire import relay_messages as messages
from e2echat.wire.frames import Tag, frame, submission
from e2echat.wire.schema import Message

EPOCH = 1_700_000_000
RANDOM = SystemRandomness()
MAILBOXES = {"alice": b"A" * 16, "bob": b"B" * 16}


def sealed(number: int, size: int = 2048) -> bytes:
    """Bytes without a pattern, other ones for each number."""
    return hashlib.shake_256(number.to_bytes(8)).digest(size)


class Person:
    def __init__(self, name: str, relay: SigningKey) -> None:
        self.name = name
        self.key, self.sign_in = SigningKey.generate(RANDOM), SigningKey.generate(RANDOM)
        self.identity = Identity.create(self.key, name)
        self.device = Device.create(self.key, self.identity, EPOCH, ExchangeKey.generate(RANDOM).public)
        self.claim = ClaimRecord.create(self.key, relay.public, name, EPOCH, self.sign_in.public)


class Stage:
    """A record in the making: alice and bob claim their names, and an unnamed connection delivers to bob."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.relay = SigningKey.generate(RANDOM)
        self.people = {name: Person(name, self.relay) for name in MAILBOXES}
        self.recorder = Recorder(path)
        for number, name in enumerate(MAILBOXES, 1):
            self.sign_in(number, f"192.0.2.{number}", name)
        self.deliver_to(3, "192.0.2.1", "bob", 300)
        for number in range(4):
            self.submit(3, 300, sealed(number))
        self.submit(3, 300, BEGINNING + sealed(9, 4606))

    def say(self, connection: int, direction: str, message: Message) -> None:
        self.recorder.passed(connection, direction, messages.encode(message))

    def greet(self, connection: int, address: str) -> HelloRecord:
        self.recorder.opened(connection, address)
        hello = HelloRecord.create(self.relay, RANDOM.octets(32), NO_CERTIFICATE, 1)
        self.say(connection, "out", messages.Hello(hello.raw, 0))
        return hello

    def sign_in(self, connection: int, address: str, name: str) -> None:
        person = self.people[name]
        hello = self.greet(connection, address)
        claim = messages.Claim(
            1, person.identity.raw, person.device.raw, person.claim.raw, H("capability", bytes(32))
        )
        self.say(connection, "in", claim)
        auth = AuthRecord.create(person.sign_in, hello, RANDOM.octets(32), name)
        self.say(connection, "in", messages.Authenticate(2, auth.raw))
        self.say(connection, "out", messages.Welcome(2, MAILBOXES[name], 0, 0))

    def deliver_to(self, connection: int, address: str, name: str, channel: int) -> None:
        self.greet(connection, address)
        self.ask(connection, name)
        self.say(connection, "in", messages.Open(2, MAILBOXES[name], bytes(32), repeat=False))
        self.say(connection, "out", messages.Opened(2, channel))

    def ask(self, connection: int, name: str) -> None:
        person = self.people[name]
        self.say(connection, "in", messages.Fetch(1, name, prekeys=False))
        records = (person.identity.raw, person.device.raw, None, None)
        self.say(connection, "out", messages.Bundle(1, *records, MAILBOXES[name], bytes(32)))

    def submit(self, connection: int, channel: int, body: bytes, envelope_id: bytes | None = None) -> None:
        self.recorder.passed(
            connection, "in", submission(channel, envelope_id or hashlib.md5(body).digest(), body)
        )

    def audit(self, *texts: bytes, also: tuple[Path, ...] = ()) -> Audit:
        self.recorder.flush()
        return audit(self.path, texts, also)

    def broken(self, *texts: bytes, also: tuple[Path, ...] = ()) -> set[str]:
        """The checks that do not hold."""
        return {check.name for check in self.audit(*texts, also=also).checks if not check.holds}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path / "record")
    with closing(stage.recorder):
        yield stage


class TestChecks:
    def test_a_sound_record(self, stage: Stage) -> None:
        assert stage.broken(b"a text that was sent") == set()
        assert stage.audit().holds

    def test_readable_text(self, stage: Stage) -> None:
        stage.submit(3, 300, sealed(5)[:1000] + b"meet me at the old harbour at eight" + sealed(6)[:1013])
        assert stage.broken() == {"sealed"}

    def test_text_in_another_script(self, stage: Stage) -> None:
        stage.submit(3, 300, ("встретимся в старой гавани " * 100).encode()[:2048])
        assert "sealed" in stage.broken()

    @pytest.mark.parametrize("key", ["key", "sign_in"])
    def test_an_account_key(self, stage: Stage, key: str) -> None:
        public = getattr(stage.people["alice"], key).public
        stage.submit(3, 300, sealed(5)[:1000] + public + sealed(6)[:1016])
        assert stage.broken() == {"keys"}

    def test_a_device_key(self, stage: Stage) -> None:
        stage.submit(3, 300, sealed(5)[:1000] + stage.people["alice"].device.key + sealed(6)[:1016])
        assert stage.broken() == {"keys"}

    def test_a_name(self, stage: Stage) -> None:
        stage.submit(3, 300, sealed(5)[:1000] + b"\0\0\0\5alice" + sealed(6)[:1039])
        assert stage.broken() == {"names"}

    def test_a_connection_of_two_people(self, stage: Stage) -> None:
        stage.sign_in(4, "192.0.2.1", "alice")
        stage.ask(4, "bob")
        assert stage.broken() == {"connections"}

    def test_a_connection_of_two_names(self, stage: Stage) -> None:
        stage.sign_in(4, "192.0.2.1", "alice")
        auth = AuthRecord.create(
            stage.people["bob"].sign_in, stage.greet(5, "192.0.2.1"), RANDOM.octets(32), "bob"
        )
        stage.say(4, "in", messages.Authenticate(3, auth.raw))
        assert stage.broken() == {"connections"}

    def test_a_size_of_its_own(self, stage: Stage) -> None:
        stage.submit(3, 300, sealed(5, 2049))
        assert stage.broken() == {"sizes"}

    def test_what_two_envelopes_share(self, stage: Stage) -> None:
        stage.submit(3, 300, sealed(5)[:1600] + sealed(0)[1600:1616] + sealed(5)[1616:])
        assert stage.broken() == {"tags"}

    def test_an_id_used_twice(self, stage: Stage) -> None:
        for number in (5, 6):
            stage.submit(3, 300, sealed(number), b"i" * 16)
        assert stage.broken() == {"tags"}

    def test_the_same_envelope_sent_again(self, stage: Stage) -> None:
        stage.submit(3, 300, sealed(0))
        assert stage.broken() == set()

    def test_first_messages_of_a_session_share_their_beginning(self, stage: Stage) -> None:
        for number in (5, 6):
            stage.submit(3, 300, BEGINNING + sealed(9, 4606)[:2000] + sealed(number, 2606))
        assert stage.broken() == set()

    def test_a_known_text_in_the_traffic(self, stage: Stage) -> None:
        stage.recorder.passed(1, "in", frame(Tag.CONTROL, b"a text that was sent"))
        assert stage.broken(b"a text that was sent") == {"texts"}

    def test_a_known_text_on_the_disk(self, stage: Stage, tmp_path: Path) -> None:
        folder = tmp_path / "data" / "deep"
        folder.mkdir(parents=True)
        (folder / "relay.db").write_bytes(b"\0" * 5000 + b"a text that was sent")
        (folder / "empty").touch()
        assert stage.broken(b"a text that was sent", also=(tmp_path / "data",)) == {"texts"}
        assert stage.broken(b"a text that was not", also=(tmp_path / "data",)) == set()

    def test_a_text_too_short_to_be_looked_for(self, stage: Stage) -> None:
        assert "texts" not in {check.name for check in stage.audit(b"abc").checks}

    def test_a_list_of_what_was_found_ends(self, stage: Stage) -> None:
        for number in range(100):
            stage.submit(3, 300, b"x" * (3000 + number))
        (sizes,) = [check for check in stage.audit().checks if check.name == "sealed"]
        assert len(sizes.found) == 20


class TestLearned:
    def test_who_receives(self, stage: Stage) -> None:
        alice, bob = stage.audit().learned.recipients
        assert (alice.name, alice.envelopes, alice.first) == ("alice", 0, None)
        assert (bob.name, bob.sizes, bob.beginnings) == ("bob", {2048: 4, 4608: 1}, 1)
        assert bob.addresses == ("192.0.2.2",)
        assert bob.first is not None

    def test_who_sends_can_be_guessed_by_address(self, stage: Stage) -> None:
        (sender,) = stage.audit().learned.senders
        assert (sender.connection, sender.recipients, sender.guesses) == (3, {"bob": 5}, ("alice",))

    def test_no_guess_from_elsewhere(self, stage: Stage) -> None:
        stage.deliver_to(4, "198.51.100.1", "alice", 400)
        sender = stage.audit().learned.senders[-1]
        assert (sender.recipients, sender.guesses) == ({"alice": 0}, ())

    def test_several_behind_one_address(self, stage: Stage) -> None:
        stage.sign_in(4, "192.0.2.1", "bob")
        assert stage.audit().learned.senders[0].guesses == ("alice", "bob")

    def test_whoever_had_left_is_no_guess(self, stage: Stage) -> None:
        stage.recorder.flush()
        lines = stage.path.read_text().splitlines()
        first_of_three = next(number for number, line in enumerate(lines) if '"connection": 3' in line)
        lines.insert(first_of_three, '{"time": 1.0, "event": "closed", "connection": 1}')
        stage.path.write_text("".join(line + "\n" for line in lines))
        assert audit(stage.path).learned.senders[0].guesses == ()

    def test_an_unknown_mailbox(self, stage: Stage) -> None:
        stage.say(3, "in", messages.Open(7, b"C" * 16, bytes(32), repeat=False))
        stage.say(3, "out", messages.Opened(7, 301))
        stage.submit(3, 301, sealed(5))
        stage.submit(3, 999, sealed(6))
        recipients = {each.name: each.envelopes for each in stage.audit().learned.recipients}
        assert recipients == {"alice": 0, "bob": 5, "mailbox 43434343": 1, "an unknown mailbox": 1}

    def test_what_passes_is_counted(self, stage: Stage) -> None:
        stage.recorder.passed(2, "out", submission(300, b"i" * 16, sealed(0)))
        stage.recorder.passed(3, "in", b"\xff" * 8)
        stage.recorder.flush()
        done = stage.audit()
        assert done.learned.names == ("alice", "bob")
        assert done.frames == 19


def test_how_a_beginning_is_told() -> None:
    assert BEGINNING == INITIAL_HEAD


class TestBadInput:
    def test_an_empty_record(self, tmp_path: Path) -> None:
        (tmp_path / "record").touch()
        with pytest.raises(BadRecordError):
            audit(tmp_path / "record")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(EnvironmentFault):
            audit(tmp_path / "record")

    def test_records_that_do_not_check_out_name_nobody(self, stage: Stage) -> None:
        forged = bytearray(stage.people["alice"].identity.raw)
        forged[-1] ^= 1
        stage.recorder.opened(4, "192.0.2.9")
        claim = messages.Claim(1, bytes(forged), bytes(64), bytes(64), bytes(32))
        stage.say(4, "in", claim)
        stage.say(4, "in", messages.Authenticate(2, bytes(64)))
        assert stage.broken() == set()
        assert stage.audit().learned.names == ("alice", "bob")

    def test_memory_is_bounded(self) -> None:
        seen = Collected()
        data = submission(300, bytes(16), b"x" * 100)
        for _ in range(MAX_BODIES + 5):
            seen.take(Sighting(0, "frame", 1, "in", 300, data))
        assert [bool(envelope.body) for envelope in seen.envelopes[-6:]] == [True, *[False] * 5]
        assert seen.envelopes[-1].size == 100


class TestUniformity:
    def test_random_bytes_pass(self) -> None:
        assert all(looks_sealed(sealed(number)) for number in range(200))

    @pytest.mark.parametrize("data", [bytes(2048), b"text " * 400, bytes(range(128)) * 16])
    def test_anything_else_does_not(self, data: bytes) -> None:
        assert unevenness(data) > 6.5

    def test_too_even_is_no_alarm(self) -> None:
        assert unevenness(bytes(range(256)) * 8) < 0
