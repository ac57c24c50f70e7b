"""A session as bytes and back, for the client's encrypted database. docs/spec/ratchet.md, "Stored form".

What is written is ours and goes out as it is; what is read is checked field by field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from e2echat.crypto.chains import (
    HEADER_SIZE,
    MAX_MISSING,
    MAX_RECEIVING_CHAINS,
    ReceivingChain,
    RetiredChain,
    SendingChain,
)
from e2echat.crypto.handshake import PREAMBLE_SIZE
from e2echat.crypto.keys import ExchangeKey
from e2echat.crypto.primitives import KEM_SEED_SIZE, KEY_SIZE
from e2echat.crypto.ratchet import Ratchet, Root, binding_of
from e2echat.errors import MalformedError
from e2echat.wire.codec import Value
from e2echat.wire.records import u32
from e2echat.wire.schema import Many, Maybe, Message, Octets, Unsigned

STORED_FORM = 1
"""Rises when the stored form changes."""
_HEAD_SIZE = 40
_TAIL_SIZE = HEADER_SIZE - _HEAD_SIZE - 4
_SKIPPED_SIZE = 4 + KEY_SIZE

_Map = dict[str, Value]


@dataclass(frozen=True, slots=True)
class _Nested:
    """A map, which is checked when it becomes a message of its own."""

    def allows(self, value: object) -> bool:
        return type(value) is dict


_Key = Annotated[bytes, Octets(KEY_SIZE)]
_Count = Annotated[int, Unsigned(64)]
_Head = Annotated[bytes, Octets(_HEAD_SIZE)]
_Tail = Annotated[bytes, Octets(0, _TAIL_SIZE)]
_Skipped = Annotated[bytes, Octets(0, MAX_MISSING * _SKIPPED_SIZE)]


@dataclass(frozen=True, slots=True, repr=False)
class _SavedSending(Message):
    KIND: ClassVar[str] = "sending chain"
    header_key: _Key
    key: _Key
    next: _Count
    head: _Head
    tail: _Tail
    kem_seed: Annotated[bytes, Octets(0, KEM_SEED_SIZE)]


@dataclass(frozen=True, slots=True, repr=False)
class _SavedReceiving(Message):
    KIND: ClassVar[str] = "receiving chain"
    header_key: _Key
    key: _Key
    next: _Count
    head: _Head
    tail: _Tail
    skipped: _Skipped


@dataclass(frozen=True, slots=True, repr=False)
class _SavedRetired(Message):
    KIND: ClassVar[str] = "retired chain"
    header_key: _Key
    chain: _Count
    skipped: _Skipped
    retired_at: _Count


@dataclass(frozen=True, slots=True, repr=False)
class _SavedRatchet(Message):
    """``chains`` counts the root steps: one more than the newest chain's number."""

    KIND: ClassVar[str] = "ratchet"
    key: _Key
    ca: _Key
    chains: _Count
    secret: Annotated[bytes | None, Maybe(Octets(KEY_SIZE))]
    peer_key: Annotated[bytes, Octets(0, KEY_SIZE)]
    sending_header_key: _Key
    receiving_header_key: _Key
    kem_epoch: _Count
    stepped_at: _Count
    sending: Annotated[_Map | None, Maybe(_Nested())]
    receiving: Annotated[_Map | None, Maybe(_Nested())]
    retired: Annotated[list[_Map], Many(_Nested(), MAX_RECEIVING_CHAINS - 1)]
    sent: _Count
    messages: _Count
    active_at: _Count


@dataclass(frozen=True, slots=True, repr=False)
class SavedSession(Message):
    """The stored form of a ``Session``; ``version`` is ``STORED_FORM``."""

    KIND: ClassVar[str] = "session"
    version: Annotated[int, Unsigned(16)]
    peer: Annotated[bytes, Octets(1, 256)]
    peer_device: Annotated[bytes, Octets(1, 256)]
    sid: _Key
    generation: _Count
    initiator: bool
    created_at: _Count
    one_time: bool
    th: _Key
    preamble: Annotated[bytes, Octets(0, PREAMBLE_SIZE)]
    preamble_hash: _Key
    ratchet: Annotated[_Map, _Nested()]


def save_ratchet(ratchet: Ratchet) -> Value:
    """All of it but sid and th, which the session keeps."""
    root = ratchet.root
    return {
        "key": root.key,
        "ca": root.ca,
        "chains": root.chain + 1,
        "secret": root.secret.secret if root.secret else None,
        "peer_key": root.peer_key,
        "sending_header_key": root.sending_header_key,
        "receiving_header_key": root.receiving_header_key,
        "kem_epoch": root.kem_epoch,
        "stepped_at": root.stepped_at,
        "sending": _save_sending(ratchet.sending) if ratchet.sending else None,
        "receiving": _save_receiving(ratchet.receiving) if ratchet.receiving else None,
        "retired": [_save_retired(chain) for chain in ratchet.retired],
        "sent": ratchet.sent,
        "messages": ratchet.messages,
        "active_at": ratchet.active_at,
    }


def load_ratchet(values: _Map, sid: bytes, th: bytes) -> Ratchet:
    """What ``save_ratchet`` was given.

    Raises:
        MalformedError: it gave no such values.
    """
    saved = _SavedRatchet.from_map(values)
    root = Root(
        saved.key,
        saved.ca,
        saved.chains - 1,
        ExchangeKey(saved.secret) if saved.secret else None,
        saved.peer_key,
        saved.sending_header_key,
        saved.receiving_header_key,
        saved.kem_epoch,
        saved.stepped_at,
    )
    return Ratchet(
        sid,
        binding_of(sid, th),
        root,
        _load_sending(saved.sending) if saved.sending is not None else None,
        _load_receiving(saved.receiving) if saved.receiving is not None else None,
        tuple(map(_load_retired, saved.retired)),
        saved.sent,
        saved.messages,
        saved.active_at,
    )


def _save_sending(chain: SendingChain) -> Value:
    return {
        "header_key": chain.header_key,
        "key": chain.key,
        "next": chain.next,
        "head": chain.head,
        "tail": chain.tail.rstrip(b"\0"),
        "kem_seed": chain.kem_seed,
    }


def _load_sending(values: _Map) -> SendingChain:
    saved = _SavedSending.from_map(values)
    tail = saved.tail.ljust(_TAIL_SIZE, b"\0")
    return SendingChain(saved.header_key, saved.key, saved.next, saved.head, tail, saved.kem_seed)


def _save_receiving(chain: ReceivingChain) -> Value:
    return {
        "header_key": chain.header_key,
        "key": chain.key,
        "next": chain.next,
        "head": chain.head,
        "tail": chain.tail.rstrip(b"\0"),
        "skipped": _pack_skipped(chain.skipped),
    }


def _load_receiving(values: _Map) -> ReceivingChain:
    saved = _SavedReceiving.from_map(values)
    tail, skipped = saved.tail.ljust(_TAIL_SIZE, b"\0"), _unpack_skipped(saved.skipped)
    return ReceivingChain(saved.header_key, saved.key, saved.next, saved.head, tail, skipped)


def _save_retired(chain: RetiredChain) -> Value:
    return {
        "header_key": chain.header_key,
        "chain": chain.chain,
        "skipped": _pack_skipped(chain.skipped),
        "retired_at": chain.retired_at,
    }


def _load_retired(values: _Map) -> RetiredChain:
    saved = _SavedRetired.from_map(values)
    return RetiredChain(saved.header_key, saved.chain, _unpack_skipped(saved.skipped), saved.retired_at)


def _pack_skipped(skipped: Mapping[int, bytes]) -> bytes:
    return b"".join(u32(number) + key for number, key in skipped.items())


def _unpack_skipped(raw: bytes) -> dict[int, bytes]:
    if len(raw) % _SKIPPED_SIZE:
        raise MalformedError("skipped keys that are cut short")
    entries = (raw[i : i + _SKIPPED_SIZE] for i in range(0, len(raw), _SKIPPED_SIZE))
    return {int.from_bytes(entry[:4]): entry[4:] for entry in entries}
