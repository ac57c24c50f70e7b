"""A session as bytes and back, for the client's encrypted database. docs/spec/ratchet.md, "Stored form"."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

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
from e2echat.wire.codec import decode_map, encode
from e2echat.wire.records import u32
from e2echat.wire.schema import Flag, Many, Maybe, Message, Octets, Unsigned

STORED_FORM = 1
"""Rises when the stored form changes."""
_HEAD_SIZE = 40
_TAIL_SIZE = HEADER_SIZE - _HEAD_SIZE - 4
_SKIPPED_SIZE = 4 + KEY_SIZE

_Key = Annotated[bytes, Octets(KEY_SIZE)]
_Count = Annotated[int, Unsigned(64)]
_Head = Annotated[bytes, Octets(_HEAD_SIZE)]
_Tail = Annotated[bytes, Octets(0, _TAIL_SIZE)]
_Skipped = Annotated[bytes, Octets(0, MAX_MISSING * _SKIPPED_SIZE)]
_CHAIN = Octets(1, MAX_MISSING * _SKIPPED_SIZE + 4096)


@dataclass(frozen=True, slots=True)
class _Saved(Message):
    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read.

        Raises:
            MalformedError: these bytes are none of ours.
        """
        return cls.from_map(decode_map(raw))

    def to_bytes(self) -> bytes:
        """The canonical encoding."""
        return encode(self.to_map())


@dataclass(frozen=True, slots=True, repr=False)
class _SavedSending(_Saved):
    KIND: ClassVar[str] = "sending chain"
    header_key: _Key
    key: _Key
    next: _Count
    head: _Head
    tail: _Tail
    kem_seed: Annotated[bytes, Octets(0, KEM_SEED_SIZE)]

    @classmethod
    def of(cls, chain: SendingChain) -> Self:
        return cls(
            chain.header_key, chain.key, chain.next, chain.head, chain.tail.rstrip(b"\0"), chain.kem_seed
        )

    def chain(self) -> SendingChain:
        tail = self.tail.ljust(_TAIL_SIZE, b"\0")
        return SendingChain(self.header_key, self.key, self.next, self.head, tail, self.kem_seed)


@dataclass(frozen=True, slots=True, repr=False)
class _SavedReceiving(_Saved):
    KIND: ClassVar[str] = "receiving chain"
    header_key: _Key
    key: _Key
    next: _Count
    head: _Head
    tail: _Tail
    skipped: _Skipped

    @classmethod
    def of(cls, chain: ReceivingChain) -> Self:
        tail, skipped = chain.tail.rstrip(b"\0"), _pack_skipped(chain.skipped)
        return cls(chain.header_key, chain.key, chain.next, chain.head, tail, skipped)

    def chain(self) -> ReceivingChain:
        tail, skipped = self.tail.ljust(_TAIL_SIZE, b"\0"), _unpack_skipped(self.skipped)
        return ReceivingChain(self.header_key, self.key, self.next, self.head, tail, skipped)


@dataclass(frozen=True, slots=True, repr=False)
class _SavedRetired(_Saved):
    KIND: ClassVar[str] = "retired chain"
    header_key: _Key
    number: _Count
    skipped: _Skipped
    retired_at: _Count

    @classmethod
    def of(cls, chain: RetiredChain) -> Self:
        return cls(chain.header_key, chain.chain, _pack_skipped(chain.skipped), chain.retired_at)

    def chain(self) -> RetiredChain:
        return RetiredChain(self.header_key, self.number, _unpack_skipped(self.skipped), self.retired_at)


@dataclass(frozen=True, slots=True, repr=False)
class _SavedRatchet(_Saved):
    """``chains`` counts the root steps: one more than the newest chain's number."""

    KIND: ClassVar[str] = "ratchet"
    root_key: _Key
    ca: _Key
    chains: _Count
    secret: Annotated[bytes | None, Maybe(Octets(KEY_SIZE))]
    peer_key: Annotated[bytes, Octets(0, KEY_SIZE)]
    sending_header_key: _Key
    receiving_header_key: _Key
    kem_epoch: _Count
    stepped_at: _Count
    sending: Annotated[bytes | None, Maybe(_CHAIN)]
    receiving: Annotated[bytes | None, Maybe(_CHAIN)]
    retired: Annotated[list[bytes], Many(_CHAIN, MAX_RECEIVING_CHAINS - 1)]
    sent: _Count
    messages: _Count
    active_at: _Count


@dataclass(frozen=True, slots=True, repr=False)
class SavedSession(_Saved):
    """The stored form of a ``Session``; ``version`` is ``STORED_FORM``."""

    KIND: ClassVar[str] = "session"
    version: Annotated[int, Unsigned(16)]
    peer: Annotated[bytes, Octets(1, 256)]
    peer_device: Annotated[bytes, Octets(1, 256)]
    sid: _Key
    generation: _Count
    initiator: Annotated[bool, Flag()]
    created_at: _Count
    one_time: Annotated[bool, Flag()]
    th: _Key
    preamble: Annotated[bytes, Octets(0, PREAMBLE_SIZE)]
    preamble_hash: _Key
    ratchet: Annotated[bytes, Octets(1, 1 << 20)]


def dump_ratchet(ratchet: Ratchet) -> bytes:
    """All of it but sid and th, which the session keeps."""
    root = ratchet.root
    return _SavedRatchet(
        root.key,
        root.ca,
        root.chain + 1,
        root.secret.secret if root.secret else None,
        root.peer_key,
        root.sending_header_key,
        root.receiving_header_key,
        root.kem_epoch,
        root.stepped_at,
        _SavedSending.of(ratchet.sending).to_bytes() if ratchet.sending else None,
        _SavedReceiving.of(ratchet.receiving).to_bytes() if ratchet.receiving else None,
        [_SavedRetired.of(chain).to_bytes() for chain in ratchet.retired],
        ratchet.sent,
        ratchet.messages,
        ratchet.active_at,
    ).to_bytes()


def load_ratchet(raw: bytes, sid: bytes, th: bytes) -> Ratchet:
    """What ``dump_ratchet`` was given.

    Raises:
        MalformedError: it gave no such bytes.
    """
    saved = _SavedRatchet.from_bytes(raw)
    root = Root(
        saved.root_key,
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
        _SavedSending.from_bytes(saved.sending).chain() if saved.sending else None,
        _SavedReceiving.from_bytes(saved.receiving).chain() if saved.receiving else None,
        tuple(_SavedRetired.from_bytes(chain).chain() for chain in saved.retired),
        saved.sent,
        saved.messages,
        saved.active_at,
    )


def _pack_skipped(skipped: Mapping[int, bytes]) -> bytes:
    return b"".join(u32(number) + key for number, key in skipped.items())


def _unpack_skipped(raw: bytes) -> dict[int, bytes]:
    if len(raw) % _SKIPPED_SIZE:
        raise MalformedError("skipped keys that are cut short")
    entries = (raw[i : i + _SKIPPED_SIZE] for i in range(0, len(raw), _SKIPPED_SIZE))
    return {int.from_bytes(entry[:4]): entry[4:] for entry in entries}
