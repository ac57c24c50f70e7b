"""Both dialogues, against a relay that says what it likes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from e2echat.client.dialogue import (
    Challenged,
    ChannelRefused,
    Delivered,
    Dialogue,
    Fetched,
    Published,
    Ready,
    Settled,
    SignedIn,
    SignInRefused,
    Stocked,
    why_refused,
)
from e2echat.client.mailbox_dialogue import MailboxDialogue, SignIn
from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.crypto.keys import Device, Identity, SigningKey
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.puzzles import Puzzle
from e2echat.crypto.relay_records import NO_CERTIFICATE, AuthRecord, ClaimRecord, HelloRecord
from e2echat.errors import CryptoError, MalformedError, RemoteError, WrongRelayError
from e2echat.wire import frames
from e2echat.wire import relay_messages as relay
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import FrameDecoder, Tag
from e2echat.wire.relay_messages import MOST_WORK, Refusal
from e2echat.wire.schema import Message

RANDOMNESS = SystemRandomness()
RELAY = SigningKey.generate(RANDOMNESS)
ADDRESS = RelayAddress(RELAY.public, "localhost", 7443)
BUNDLE = relay.Bundle(1, bytes(100), bytes(100), None, None, bytes(16), bytes(32))
MAILBOX, CAPABILITY, SOLUTION = bytes(16), bytes(32), bytes(8)


def _kind(message: Message) -> str:
    return message.KIND


def _frames(data: bytes) -> list[tuple[int, bytes]]:
    return list(FrameDecoder().feed(data))


def _hello(key: SigningKey = RELAY, certificate: bytes = NO_CERTIFICATE, version: int = 1) -> Message:
    return relay.Hello(HelloRecord.create(key, bytes(32), certificate, version).raw, 0)


def _say(dialogue: Dialogue, message: Message) -> list[Any]:
    ((tag, body),) = _frames(relay.encode(message))
    return dialogue.frame(tag, body)


def _said(dialogue: Dialogue) -> list[Message]:
    return [relay.decode(body) for _, body in _frames(dialogue.take_outgoing())]


@pytest.fixture(name="sending")
def _sending() -> SendingDialogue:
    return SendingDialogue(ADDRESS, NO_CERTIFICATE)


@pytest.fixture(name="ready")
def _ready(sending: SendingDialogue) -> SendingDialogue:
    assert _say(sending, _hello()) == [Ready()]
    return sending


@pytest.fixture(name="sign_in", scope="module")
def _sign_in(account: SigningKey, identity: Identity, device: Device) -> SignIn:
    key = SigningKey.generate(RANDOMNESS)
    claim = ClaimRecord.create(account, RELAY.public, "alice", 1, key.public)
    return SignIn(identity, device, claim, key, bytes(32), claimed=False)


@pytest.fixture(name="mailbox")
def _mailbox(sign_in: SignIn) -> MailboxDialogue:
    dialogue = MailboxDialogue(ADDRESS, NO_CERTIFICATE, sign_in, RANDOMNESS)
    _say(dialogue, _hello())
    return dialogue


@pytest.fixture(name="signed_in")
def _signed_in(mailbox: MailboxDialogue) -> MailboxDialogue:
    _say(mailbox, relay.Done(1))
    assert _say(mailbox, relay.Welcome(2, MAILBOX, 3, 4)) == [SignedIn(MAILBOX, 3, 4)]
    mailbox.take_outgoing()
    return mailbox


# --- the hello ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hello",
    [_hello(SigningKey.generate(RANDOMNESS)), _hello(certificate=bytes(31) + b"1")],
    ids=["another relay's", "another certificate's"],
)
def test_a_hello_that_is_not_the_relays(sending: SendingDialogue, hello: Message) -> None:
    with pytest.raises(WrongRelayError):
        _say(sending, hello)
    assert not sending.ready


def test_a_relay_of_another_version(sending: SendingDialogue) -> None:
    with pytest.raises(MalformedError):
        _say(sending, _hello(version=2))


@pytest.mark.parametrize(
    "frame", [(int(Tag.CONTROL), b""), (int(Tag.ACCEPTED), bytes(12)), *_frames(relay.encode(relay.Done(1)))]
)
def test_a_relay_that_does_not_greet(sending: SendingDialogue, frame: tuple[int, bytes]) -> None:
    with pytest.raises(RemoteError):
        sending.frame(*frame)
    assert not sending.ready


def test_a_hello_cut_anywhere(sending: SendingDialogue) -> None:
    ((tag, body),) = _frames(relay.encode(_hello()))
    for length in range(len(body)):
        with pytest.raises(RemoteError):
            sending.frame(tag, body[:length])
    assert sending.frame(tag, body) == [Ready()]


# --- the mailbox ----------------------------------------------------------------------------------------------------


def test_a_new_name_is_claimed_before_signing_in(mailbox: MailboxDialogue, sign_in: SignIn) -> None:
    (claim,) = _said(mailbox)
    assert isinstance(claim, relay.Claim)
    assert claim.claim == sign_in.claim.raw
    assert mailbox.claim_left
    assert _say(mailbox, relay.Done(1)) == []
    assert mailbox.claim_left
    (authenticate,) = _said(mailbox)
    assert isinstance(authenticate, relay.Authenticate)
    assert not mailbox.signed_in


def test_a_claim_carries_the_token(sign_in: SignIn) -> None:
    token = bytes(range(16))
    dialogue = MailboxDialogue(ADDRESS, NO_CERTIFICATE, replace(sign_in, token=token), RANDOMNESS)
    _say(dialogue, _hello())
    (claim,) = _said(dialogue)
    assert isinstance(claim, relay.Claim)
    assert claim.token == token


def test_a_name_that_is_ours_is_not_claimed_again(sign_in: SignIn) -> None:
    signs_in = SignIn(
        sign_in.identity,
        sign_in.device,
        sign_in.claim,
        sign_in.key,
        sign_in.capability_hash,
        claimed=True,
    )
    dialogue = MailboxDialogue(ADDRESS, NO_CERTIFICATE, signs_in, RANDOMNESS)
    _say(dialogue, _hello())
    assert [type(message) for message in _said(dialogue)] == [relay.Authenticate]


@pytest.mark.parametrize("before", [[], [relay.Done(1)]], ids=["claim", "signature"])
def test_a_claim_or_signature_can_be_refused(mailbox: MailboxDialogue, before: list[Message]) -> None:
    for message in before:
        _say(mailbox, message)
    refused = relay.Refused(len(before) + 1, int(Refusal.NAME_TAKEN))
    assert _say(mailbox, refused) == [SignInRefused(Refusal.NAME_TAKEN)]


@pytest.mark.parametrize(
    "answer",
    [
        relay.Done(0),
        relay.Done(2),
        relay.Welcome(0, MAILBOX, 0, 0),
        relay.Welcome(1, MAILBOX, 0, 0),
        relay.Refused(0, int(Refusal.LIMIT)),
        relay.Refused(7, int(Refusal.LIMIT)),
        relay.Opened(1, 20),
        BUNDLE,
        _hello(),
    ],
    ids=_kind,
)
def test_answers_to_nothing_at_a_claim(mailbox: MailboxDialogue, answer: Message) -> None:
    with pytest.raises(MalformedError):
        _say(mailbox, answer)
    assert not mailbox.signed_in


@pytest.mark.parametrize(
    "answer",
    [relay.Done(0), relay.Done(1), relay.Done(3), relay.Welcome(2, MAILBOX, 0, 0), relay.Refused(0, 1)],
    ids=_kind,
)
def test_answers_to_nothing_when_signed_in(signed_in: MailboxDialogue, answer: Message) -> None:
    with pytest.raises(MalformedError):
        _say(signed_in, answer)


def test_prekeys_are_uploaded_one_lot_at_a_time(signed_in: MailboxDialogue) -> None:
    signed_in.publish(bytes(100), [bytes(100)])
    assert signed_in.publishing
    assert _say(signed_in, relay.Done(3)) == [Published(None)]
    signed_in.publish(None, [bytes(100)])
    assert _say(signed_in, relay.Refused(4, int(Refusal.STORAGE))) == [Published(Refusal.STORAGE)]
    assert not signed_in.publishing


def test_an_unknown_refusal(signed_in: MailboxDialogue) -> None:
    signed_in.publish(None, [])
    with pytest.raises(MalformedError):
        _say(signed_in, relay.Refused(3, 77))


def test_envelopes_come_once_signed_in(mailbox: MailboxDialogue, signed_in: MailboxDialogue) -> None:
    ((tag, body),) = _frames(frames.submission(frames.FIRST_CHANNEL, bytes(16), b"envelope"))
    assert signed_in.frame(tag, body) == [Delivered(b"envelope")]


def test_envelopes_before_that_are_refused(mailbox: MailboxDialogue) -> None:
    ((tag, body),) = _frames(frames.submission(frames.FIRST_CHANNEL, bytes(16), b"envelope"))
    with pytest.raises(MalformedError):
        mailbox.frame(tag, body)


@pytest.mark.parametrize("tag", [Tag.ACCEPTED, Tag.REFUSED, Tag.ACKNOWLEDGE])
def test_frames_of_the_other_kind_of_connection(signed_in: MailboxDialogue, tag: int) -> None:
    for size in (12, 40):
        with pytest.raises(MalformedError):
            signed_in.frame(tag, bytes(size))


def test_acknowledgements_are_cumulative(signed_in: MailboxDialogue) -> None:
    signed_in.acknowledge(2)
    signed_in.acknowledge(3)
    assert signed_in.take_outgoing() == frames.acknowledge(2) + frames.acknowledge(5)
    assert signed_in.take_outgoing() == b""


def test_the_signature_is_over_this_hello(mailbox: MailboxDialogue, sign_in: SignIn) -> None:
    mailbox.take_outgoing()
    _say(mailbox, relay.Done(1))
    (authenticate,) = _said(mailbox)
    assert isinstance(authenticate, relay.Authenticate)
    record = AuthRecord.parse(authenticate.record)
    record.verify(sign_in.key.public, mailbox.hello)
    other = HelloRecord.create(RELAY, bytes(31) + b"1", NO_CERTIFICATE, 1)
    with pytest.raises(CryptoError):
        record.verify(sign_in.key.public, other)


# --- sending --------------------------------------------------------------------------------------------------------


def _open(dialogue: SendingDialogue, number: int = 20) -> int:
    assert dialogue.channel(MAILBOX, CAPABILITY, repeat=False) is None
    (request,) = [message for message in _said(dialogue) if isinstance(message, relay.Open)]
    assert _say(dialogue, relay.Opened(request.request, number)) == []
    assert dialogue.channel(MAILBOX, CAPABILITY, repeat=False) == number
    return number


def test_a_fetch_and_its_answers(ready: SendingDialogue) -> None:
    ready.fetch("bob", prekeys=True, capability=CAPABILITY)
    ready.fetch("bob", prekeys=True, capability=CAPABILITY)
    ready.fetch("bob", prekeys=False)
    assert [message.request for message in _said(ready) if isinstance(message, relay.Fetch)] == [1, 2]
    assert _say(ready, BUNDLE) == [Fetched("bob", True, BUNDLE)]
    refused = relay.Refused(2, int(Refusal.NO_SUCH_NAME))
    assert _say(ready, refused) == [Fetched("bob", False, Refusal.NO_SUCH_NAME)]
    with pytest.raises(MalformedError):
        _say(ready, BUNDLE)


def _challenge(dialogue: SendingDialogue, bits: int = 4) -> tuple[relay.AskPuzzle, Puzzle]:
    """The puzzle that was asked for, once it is set."""
    (asked,) = _said(dialogue)
    assert isinstance(asked, relay.AskPuzzle)
    (challenged,) = _say(dialogue, relay.Challenge(asked.request, bytes(16), bits))
    assert isinstance(challenged, Challenged)
    return asked, challenged.puzzle


def test_what_takes_work_is_fetched_with_a_solution(ready: SendingDialogue) -> None:
    ready.fetch("bob", prekeys=True)
    ready.fetch("bob", prekeys=True)
    asked, puzzle = _challenge(ready)
    assert asked.name == "bob"
    assert puzzle == Puzzle(ready.hello.hash, bytes(16), "bob", 4)
    assert ready.busy
    ready.solved(puzzle, SOLUTION)
    (fetch,) = _said(ready)
    assert fetch == relay.Fetch(2, "bob", prekeys=True, solution=SOLUTION)
    ready.solved(puzzle, SOLUTION)
    assert _said(ready) == []
    assert _say(ready, replace(BUNDLE, request=2)) == [Fetched("bob", True, replace(BUNDLE, request=2))]
    assert not ready.busy


def test_one_puzzle_at_a_time(ready: SendingDialogue) -> None:
    ready.fetch("bob", prekeys=True)
    ready.fetch("carol", prekeys=False, knock=True)
    first, puzzle = _challenge(ready)
    ready.solved(replace(puzzle, challenge=bytes(15) + b"1"), SOLUTION)
    assert _said(ready) == []
    ready.solved(puzzle, SOLUTION)
    fetch, second = _said(ready)
    assert isinstance(fetch, relay.Fetch)
    assert second == relay.AskPuzzle(3, "carol")
    assert first.name == fetch.name == "bob"


def test_a_puzzle_that_is_refused(ready: SendingDialogue) -> None:
    ready.fetch("bob", prekeys=True)
    ready.fetch("carol", prekeys=True)
    assert _said(ready) == [relay.AskPuzzle(1, "bob")]
    refused = _say(ready, relay.Refused(1, int(Refusal.CROWDED)))
    assert refused == [Fetched("bob", True, Refusal.CROWDED)]
    assert _said(ready) == [relay.AskPuzzle(2, "carol")]


def test_more_work_than_any_relay_may_ask_for(ready: SendingDialogue) -> None:
    ready.fetch("bob", prekeys=True)
    with pytest.raises(MalformedError):
        _challenge(ready, MOST_WORK + 1)
    assert ready.puzzle is None


def test_the_most_that_one_may(ready: SendingDialogue) -> None:
    ready.fetch("bob", prekeys=True)
    assert _challenge(ready, MOST_WORK)[1].bits == MOST_WORK


def test_a_puzzle_that_nobody_asked_for(ready: SendingDialogue) -> None:
    with pytest.raises(MalformedError):
        _say(ready, relay.Challenge(1, bytes(16), 4))


def test_a_stock_is_for_the_owner_who_has_signed_in(mailbox: MailboxDialogue, ready: SendingDialogue) -> None:
    for dialogue in (mailbox, ready):
        with pytest.raises(MalformedError):
            _say(dialogue, relay.Stock(3, short=True))


def test_a_stock_is_heard(signed_in: MailboxDialogue) -> None:
    assert _say(signed_in, relay.Stock(3, short=True)) == [Stocked(3, short=True)]


def test_a_channel_is_opened_once(ready: SendingDialogue) -> None:
    for _ in range(2):
        assert ready.channel(MAILBOX, CAPABILITY, repeat=False) is None
    assert len(_said(ready)) == 1
    assert ready.channel(MAILBOX, CAPABILITY, repeat=True) is None
    assert len(_said(ready)) == 1


def test_a_channel_that_is_refused(ready: SendingDialogue) -> None:
    ready.channel(MAILBOX, CAPABILITY, repeat=False)
    reason = Refusal.NO_SUCH_CAPABILITY
    assert _say(ready, relay.Refused(1, int(reason))) == [ChannelRefused(MAILBOX, CAPABILITY, reason)]


def test_one_number_for_two_channels(ready: SendingDialogue) -> None:
    number = _open(ready)
    ready.channel(MAILBOX, bytes(31) + b"1", repeat=False)
    with pytest.raises(MalformedError):
        _say(ready, relay.Opened(2, number))


@pytest.mark.parametrize(
    "answer", [relay.Done(0), relay.Opened(0, 20), BUNDLE, relay.Refused(1, 1)], ids=_kind
)
def test_answers_to_nothing_when_sending(ready: SendingDialogue, answer: Message) -> None:
    with pytest.raises(MalformedError):
        _say(ready, answer)


def _submit(dialogue: SendingDialogue, count: int) -> list[bytes]:
    number = _open(dialogue)
    ids = [bytes([index]) * 16 for index in range(count)]
    for envelope_id in ids:
        dialogue.submit(number, envelope_id, b"envelope")
        assert dialogue.in_flight(envelope_id)
    return ids


def _control(make: Callable[..., bytes], *numbers: int) -> tuple[int, bytes]:
    (found,) = _frames(make(*numbers))
    return found


def test_submissions_are_settled_in_order(ready: SendingDialogue) -> None:
    one, two, three = _submit(ready, 3)
    assert ready.frame(*_control(frames.refused, 20, 1, Refusal.MAILBOX_FULL)) == []
    settled = ready.frame(*_control(frames.accepted, 20, 2))
    assert settled == [Settled(one, None), Settled(two, Refusal.MAILBOX_FULL)]
    assert ready.flying == 1
    assert ready.frame(*_control(frames.accepted, 20, 2)) == []
    assert ready.frame(*_control(frames.accepted, 20, 3)) == [Settled(three, None)]
    assert ready.flying == 0


@pytest.mark.parametrize(
    "frame",
    [
        _control(frames.accepted, 20, 4),
        _control(frames.accepted, 20, (1 << 32) - 1),
        _control(frames.accepted, 21, 1),
        _control(frames.refused, 20, 3, Refusal.LIMIT),
        _control(frames.refused, 21, 0, Refusal.LIMIT),
        _control(frames.refused, 20, 0, 77),
        (int(Tag.ACCEPTED), b""),
        (int(Tag.REFUSED), bytes(3)),
        (int(Tag.ACKNOWLEDGE), bytes(8)),
        (20, bytes(40)),
    ],
)
def test_settlements_of_what_was_not_submitted(ready: SendingDialogue, frame: tuple[int, bytes]) -> None:
    _submit(ready, 3)
    with pytest.raises(MalformedError):
        ready.frame(*frame)
    assert ready.flying == 3


@pytest.mark.parametrize("frame", [_control(frames.accepted, 20, 1), _control(frames.refused, 20, 1, 9)])
def test_settlements_do_not_go_back(ready: SendingDialogue, frame: tuple[int, bytes]) -> None:
    _submit(ready, 3)
    ready.frame(*_control(frames.accepted, 20, 2))
    with pytest.raises(MalformedError):
        ready.frame(*frame)


@pytest.mark.parametrize("reason", list(Refusal))
def test_every_refusal_has_words(reason: Refusal) -> None:
    assert why_refused(reason)


def test_capabilities_are_not_in_repr(ready: SendingDialogue) -> None:
    assert "capability" not in repr(ChannelRefused(MAILBOX, CAPABILITY, Refusal.LIMIT))
