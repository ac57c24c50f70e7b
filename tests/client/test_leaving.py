"""What an owner says to a relay that is to forget him, against every answer."""

import pytest

from e2echat.client.leaving import LeavingDialogue
from e2echat.client.own import Own
from e2echat.crypto.keys import SigningKey
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.relay_records import NO_CERTIFICATE, HelloRecord, LeaveRecord
from e2echat.errors import MalformedError, RefusedError, WrongRelayError
from e2echat.store.database import Database
from e2echat.store.records import Records
from e2echat.wire import frames
from e2echat.wire import relay_messages as relay
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import Tag
from e2echat.wire.relay_messages import Refusal
from e2echat.wire.schema import Message

RANDOM = SystemRandomness()
RELAY = SigningKey.generate(RANDOM)


@pytest.fixture
def own() -> Own:
    records = Records(Database.open(None, bytes(32)))
    address = RelayAddress(RELAY.public, "localhost", 7443)
    return Own.create(records, SigningKey.generate(RANDOM), "alice", address, 1_700_000_000_000, RANDOM)


@pytest.fixture
def dialogue(own: Own) -> LeavingDialogue:
    return LeavingDialogue(own, NO_CERTIFICATE, RANDOM)


def _hear(dialogue: LeavingDialogue, message: Message) -> None:
    ((tag, body),) = frames.FrameDecoder().feed(relay.encode(message))
    dialogue.frame(tag, body)


def _greet(dialogue: LeavingDialogue, key: SigningKey = RELAY) -> HelloRecord:
    hello = HelloRecord.create(key, RANDOM.octets(32), NO_CERTIFICATE, relay.PROTOCOL_VERSION)
    _hear(dialogue, relay.Hello(hello.raw, 0))
    return hello


def test_it_is_signed_by_the_accounts_key_over_this_hello(own: Own, dialogue: LeavingDialogue) -> None:
    hello = _greet(dialogue)
    ((_, body),) = frames.FrameDecoder().feed(dialogue.take_outgoing())
    said = relay.decode(body)
    assert isinstance(said, relay.Leave)
    record = LeaveRecord.parse(said.record)
    assert record.name == "alice"
    record.verify(own.key.public, hello)
    assert not dialogue.left


@pytest.mark.parametrize("answer", [relay.Done(1), relay.Refused(1, int(Refusal.NOT_AUTHENTICATED))])
def test_nothing_is_left_there(dialogue: LeavingDialogue, answer: Message) -> None:
    _greet(dialogue)
    _hear(dialogue, answer)
    assert dialogue.left


@pytest.mark.parametrize("reason", [Refusal.STORAGE, Refusal.LIMIT, Refusal.MALFORMED])
def test_it_is_kept_there(dialogue: LeavingDialogue, reason: Refusal) -> None:
    _greet(dialogue)
    with pytest.raises(RefusedError):
        _hear(dialogue, relay.Refused(1, int(reason)))
    assert not dialogue.left


@pytest.mark.parametrize("answer", [relay.Done(2), relay.Refused(1, 99), relay.Welcome(1, bytes(16), 0, 0)])
def test_what_answers_nothing_that_was_asked(dialogue: LeavingDialogue, answer: Message) -> None:
    _greet(dialogue)
    with pytest.raises(MalformedError):
        _hear(dialogue, answer)
    assert not dialogue.left


def test_another_frame(dialogue: LeavingDialogue) -> None:
    _greet(dialogue)
    with pytest.raises(MalformedError):
        dialogue.frame(Tag.ACCEPTED, bytes(12))


def test_another_relay_hears_nothing(dialogue: LeavingDialogue) -> None:
    with pytest.raises(WrongRelayError):
        _greet(dialogue, SigningKey.generate(RANDOM))
    assert dialogue.take_outgoing() == b""
