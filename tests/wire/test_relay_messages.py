from dataclasses import replace

import pytest

from e2echat.errors import MalformedError
from e2echat.wire import codec, relay_messages
from e2echat.wire.codec import Value
from e2echat.wire.frames import MAX_FRAME, FrameDecoder, Tag
from e2echat.wire.relay_messages import (
    ONE_TIME_BATCH,
    AskPuzzle,
    Authenticate,
    Bundle,
    Challenge,
    Claim,
    Done,
    Fetch,
    Hello,
    Leave,
    Meet,
    Met,
    Open,
    Opened,
    Publish,
    Refused,
    Stock,
    Welcome,
)
from e2echat.wire.schema import Message

RECORD = bytes(64)
LONGEST = bytes(2048)
MEET = Meet(8, "4821", inviter=True, key=bytes(16), said=[bytes(32), bytes(1024)], leave=False)
MESSAGES: list[Message] = [
    Hello(RECORD, 1),
    Claim(1, RECORD, RECORD, RECORD, bytes(32)),
    Claim(1, RECORD, RECORD, RECORD, bytes(32), bytes(16)),
    Authenticate(2, RECORD),
    Leave(2, RECORD),
    Welcome(2**32 - 1, bytes(16), 1000, 100),
    Publish(3, RECORD, []),
    Publish(3, None, [RECORD, LONGEST]),
    Stock(24, short=True),
    AskPuzzle(4, "bob"),
    Challenge(4, bytes(16), 20),
    Fetch(4, "bob", prekeys=True),
    Fetch(4, "bob", prekeys=True, capability=bytes(32)),
    Fetch(4, "bob", prekeys=False, solution=bytes(8)),
    Bundle(4, RECORD, RECORD, RECORD, RECORD, bytes(16), bytes(32)),
    Bundle(4, RECORD, RECORD, None, None, bytes(16), None),
    Open(5, bytes(16), bytes(32), repeat=False),
    Opened(5, 256),
    MEET,
    Met(8, []),
    Done(6),
    Refused(7, 1),
]
IDS = [message.KIND for message in MESSAGES]


def _body(message: Message) -> bytes:
    ((tag, body),) = FrameDecoder().feed(relay_messages.encode(message))
    assert tag == Tag.CONTROL
    return body


def test_every_kind_is_here() -> None:
    assert {type(message) for message in MESSAGES} == set(relay_messages._KINDS.values())
    assert {message.KIND for message in MESSAGES} == relay_messages._KINDS.keys()


@pytest.mark.parametrize("message", MESSAGES, ids=IDS)
def test_round_trip(message: Message) -> None:
    assert relay_messages.decode(_body(message)) == message


@pytest.mark.parametrize("message", MESSAGES, ids=IDS)
def test_every_truncation_and_anything_behind_is_refused(message: Message) -> None:
    body = _body(message)
    for bad in [*(body[:end] for end in range(len(body))), body + b"\0", body + body]:
        with pytest.raises(MalformedError):
            relay_messages.decode(bad)


@pytest.mark.parametrize("message", MESSAGES, ids=IDS)
def test_a_field_too_few_too_many_or_of_another_type_is_refused(message: Message) -> None:
    whole: dict[str, Value] = message.to_map() | {"kind": message.KIND}
    bad: list[dict[str, Value]] = [whole | {"more": None}]
    for name in whole:
        if (
            name not in ("token", "capability", "solution") or message.KIND == "open"
        ):  # those that may be missing
            bad.append({key: value for key, value in whole.items() if key != name})
        bad.append(whole | {name: [[1]]})
        bad.append(whole | {name: -1})
    for values in bad:
        with pytest.raises(MalformedError):
            relay_messages.decode(codec.encode(values))


@pytest.mark.parametrize("kind", ["", "Done", "done ", "nothing", None, 1, b"done"])
def test_an_unknown_kind_is_refused(kind: Value) -> None:
    with pytest.raises(MalformedError):
        relay_messages.decode(codec.encode({"kind": kind, "request": 6}))


@pytest.mark.parametrize("value", [None, 1, [], "done", [{"kind": "done", "request": 6}]])
def test_what_is_no_map_is_refused(value: Value) -> None:
    with pytest.raises(MalformedError):
        relay_messages.decode(codec.encode(value))


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        (Hello(RECORD, 1), "record", bytes(63)),
        (Hello(RECORD, 1), "record", bytes(2049)),
        (Claim(1, RECORD, RECORD, RECORD, bytes(32)), "capability_hash", bytes(31)),
        (Claim(1, RECORD, RECORD, RECORD, bytes(32)), "token", bytes(15)),
        (Claim(1, RECORD, RECORD, RECORD, bytes(32)), "token", bytes(17)),
        (Welcome(1, bytes(16), 0, 0), "mailbox", bytes(17)),
        (Welcome(1, bytes(16), 0, 0), "waiting", 2**32),
        (Publish(3, None, []), "one_time", [RECORD] * (ONE_TIME_BATCH + 1)),
        (Publish(3, None, []), "one_time", [bytes(2049)]),
        (Publish(3, None, []), "signed", b""),
        (Fetch(4, "bob", prekeys=True), "name", "a" * 33),
        (Fetch(4, "bob", prekeys=True), "prekeys", 1),
        (Fetch(4, "bob", prekeys=True), "capability", bytes(31)),
        (Fetch(4, "bob", prekeys=True), "solution", bytes(7)),
        (Challenge(4, bytes(16), 0), "challenge", bytes(17)),
        (Challenge(4, bytes(16), 0), "bits", 256),
        (Open(5, bytes(16), bytes(32), repeat=True), "capability", bytes(33)),
        (Refused(7, 1), "reason", 256),
        (Met(8, []), "heard", [bytes(31)]),
        (Met(8, []), "heard", [bytes(1025)]),
        (Met(8, []), "heard", [bytes(32)] * 3),
        (MEET, "nameplate", "1234567890"),
        (MEET, "key", bytes(17)),
        (MEET, "said", [bytes(32)] * 3),
        (MEET, "inviter", 1),
        (MEET, "leave", None),
    ],
)
def test_a_value_out_of_bounds_is_refused(message: Message, field: str, value: Value) -> None:
    with pytest.raises(MalformedError):
        replace(message, **{field: value})
    with pytest.raises(MalformedError):
        relay_messages.decode(codec.encode(message.to_map() | {"kind": message.KIND, field: value}))


def test_a_full_batch_of_prekeys_fits_into_a_frame() -> None:
    record = bytes(1399)  # a prekey's; see test_prekeys
    assert len(relay_messages.encode(Publish(3, record, [record] * ONE_TIME_BATCH))) < MAX_FRAME


def test_what_opens_a_mailbox_is_in_no_repr() -> None:
    secret = bytes(range(32))
    for message in (
        Open(5, bytes(16), secret, repeat=False),
        Bundle(4, RECORD, RECORD, None, None, bytes(16), secret),
    ):
        assert repr(secret)[2:-1] not in repr(message)
        assert secret.hex() not in repr(message)
