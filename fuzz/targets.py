"""The table of targets: each takes bytes and raises nothing but what ``ALLOWED`` names.

Where a signature or a box would end every try at once, the target makes it itself, with keys that it knows.
"""

import base64
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from e2echat.crypto import envelope, payloads
from e2echat.crypto.chains import HEADER_SIZE, Announcement
from e2echat.crypto.codes import Code
from e2echat.crypto.handshake import SEAL_SIZE, Introduction, Preamble
from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.padding import unpad
from e2echat.crypto.pairing import ANSWER_SIZE, CARD_SIZE, JOIN_SIZE, OFFER_SIZE, Card, Inviter, Joiner
from e2echat.crypto.prekeys import Prekey, PrekeyBundle, PrekeyKind
from e2echat.crypto.primitives import ed25519_sign
from e2echat.crypto.relay_records import AuthRecord, ClaimRecord, HelloRecord, LeaveRecord
from e2echat.crypto.session import ReplyRoute, Session
from e2echat.errors import (
    InvalidAddressError,
    InvalidCodeError,
    InvalidInvitationError,
    InvalidNameError,
    RemoteError,
)
from e2echat.wire import codec, frames, records, relay_messages
from e2echat.wire.address import RelayAddress
from e2echat.wire.frames import FrameDecoder
from e2echat.wire.invitation import SCHEME, Invitation
from e2echat.wire.names import canonical_name
from fuzz import local, machines

ALLOWED = (RemoteError,)
ACCOUNT = SigningKey(bytes(32))
EPOCH = 1_750_000_000

Target = Callable[[bytes], object]


@cache
def _identity() -> Identity:
    return Identity.create(ACCOUNT, "alice")


@cache
def _device() -> Device:
    return Device.create(ACCOUNT, _identity(), EPOCH, ExchangeKey(bytes(32)).public)


def _signed(raw: bytes) -> bytes:
    return raw + ed25519_sign(ACCOUNT.seed, raw)


def _record(parse: Callable[[bytes], object]) -> Target:
    """As it comes, and under a signature that is right."""

    def target(raw: bytes) -> None:
        for record in (raw, _signed(raw)):
            try:
                parse(record)
            except RemoteError:
                continue

    return target


def _frames(raw: bytes) -> None:
    """Cut anywhere, the same frames."""
    whole, pieces, last = FrameDecoder(), FrameDecoder(), b""
    found = list(whole.feed(raw))
    for size in (1, 7):
        parts = [raw[i : i + size] for i in range(0, len(raw), size)]
        pieces = FrameDecoder()
        assert [frame for part in parts for frame in pieces.feed(part)] == found
    for tag, body in found:
        last = frames.frame(tag, body)
        assert last in raw


def _codec(raw: bytes) -> None:
    assert codec.encode(codec.decode(raw)) == raw


def _message(raw: bytes) -> None:
    assert relay_messages.encode(relay_messages.decode(raw))[8:] == raw


def _payload(raw: bytes) -> None:
    payload = payloads.decode(raw)
    # What a later version says is kept as it came, not read as a whole.
    assert isinstance(payload, payloads.Unknown) or payloads.encode(payload) == raw


def _bodies(raw: bytes) -> None:
    parsers: tuple[Target, ...] = (
        frames.parse_count,
        frames.parse_channel_count,
        frames.parse_refusal,
        frames.parse_envelope,
    )
    for parse in parsers:
        try:
            parse(raw)
        except RemoteError:
            continue


def _texts(raw: bytes) -> None:
    text = raw.decode("utf-8", "surrogateescape")
    with suppress(InvalidAddressError):
        address = RelayAddress.parse(text)
        assert RelayAddress.parse(str(address)) == address
    with suppress(InvalidCodeError):
        code = Code.parse(text)
        assert Code.parse(str(code)) == code
    with suppress(InvalidInvitationError):
        Invitation.parse(text)
    with suppress(InvalidNameError):
        name = canonical_name(text)
        assert canonical_name(name) == name


def _link(raw: bytes) -> None:
    """Under a checksum that is right."""
    checked = raw + zlib.crc32(raw).to_bytes(4)
    link = SCHEME + base64.b32encode(checked).decode().rstrip("=").lower()
    with suppress(InvalidInvitationError):
        assert Invitation.parse(link).link() == link


def _card(raw: bytes) -> None:
    """As it comes, and with records that are right in front."""
    with suppress(RemoteError, InvalidAddressError):
        Card.parse(raw)
    front = records.lp(_identity().raw, _device().raw)
    with suppress(InvalidAddressError):
        Card.parse((front + raw)[:CARD_SIZE].ljust(CARD_SIZE, b"\0"))


def _pairing(raw: bytes) -> None:
    """What the other side says at the short code, of the right length."""
    code, randomness = Code("1234", ("guitar", "otter")), machines.RANDOMNESS
    key, address = machines.RELAY.public, str(RelayAddress(machines.RELAY.public, "localhost", 7443))
    card = Card(_identity(), _device(), ReplyRoute(address, bytes(16), bytes(32)))
    with suppress(RemoteError):
        Inviter.begin(key, code, randomness).hear(raw[:JOIN_SIZE].ljust(JOIN_SIZE, b"\0"))
    with suppress(RemoteError):
        joiner = Joiner.begin(key, code, raw[:OFFER_SIZE].ljust(OFFER_SIZE, b"\0"), card, randomness)
        joiner.finish(raw[OFFER_SIZE:][:ANSWER_SIZE].ljust(ANSWER_SIZE, b"\0"))


def _bundle(raw: bytes) -> None:
    identity, device, signed, one_time = (_signed(part) for part in records.unlp(raw, 4))
    PrekeyBundle.parse(identity, device, signed, one_time, EPOCH)


def _envelope(raw: bytes) -> None:
    preamble, hbox, body = envelope.split(raw)
    assert raw.endswith(preamble + hbox + body)
    envelope.init_hash(raw)


def _header(raw: bytes) -> None:
    header = raw[:HEADER_SIZE].ljust(HEADER_SIZE, b"\0")
    said = Announcement.parse(header[:40], header[44:])
    assert said.head + header[40:44] + said.tail == header


def _introduction(raw: bytes) -> None:
    """As it comes, and behind records that are right."""
    for begun in (b"", records.lp(_identity().raw, _device().raw)):
        padded = (begun + raw)[: SEAL_SIZE - 1] + b"\x80"
        padded = padded.ljust(SEAL_SIZE, b"\0")
        with suppress(RemoteError):
            assert Introduction.parse(padded).to_bytes() == padded


def _preamble(raw: bytes) -> None:
    assert Preamble.parse(raw).to_bytes() == raw


def _stored_session(raw: bytes) -> None:
    Session.from_bytes(raw).to_bytes()


TARGETS: dict[str, Target] = {
    "frames": _frames,
    "bodies": _bodies,
    "codec": _codec,
    "message": _message,
    "payload": _payload,
    "texts": _texts,
    "link": _link,
    "card": _card,
    "identity": _record(Identity.parse),
    "device": _record(lambda raw: Device.parse(raw, _identity())),
    "prekey": _record(lambda raw: Prekey.parse(raw, _identity(), _device(), PrekeyKind.SIGNED)),
    "hello": _record(lambda raw: HelloRecord.parse(raw, ACCOUNT.public, bytes(32))),
    "claim": _record(lambda raw: ClaimRecord.parse(raw, _identity(), bytes(32))),
    "auth": _record(AuthRecord.parse),
    "leave": _record(LeaveRecord.parse),
    "bundle": _bundle,
    "envelope": _envelope,
    "preamble": _preamble,
    "introduction": _introduction,
    "header": _header,
    "padding": unpad,
    "stored_session": _stored_session,
    "ratchet": machines.ratchet,
    "first_message": machines.first_message,
    "switchboard": machines.switchboard,
    "mailbox_dialogue": machines.mailbox_dialogue,
    "sending_dialogue": machines.sending_dialogue,
    "record": local.record,
    "request": local.request,
    "answer": local.answer,
    "segment": local.segment,
    "vault": local.vault,
    "pairing": _pairing,
}


def try_one(name: str, data: bytes) -> None:
    """Give ``data`` to a target; what it may raise is no finding."""
    try:
        TARGETS[name](data)
    except ALLOWED:
        return
