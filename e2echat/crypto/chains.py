"""Headers, and the chains of message keys that they number. docs/spec/ratchet.md, "Headers" and "Chains".

Double Ratchet, sections 3 and 4 (header encryption). All values are immutable: taking a key gives
the chain without it, and the caller keeps that only once the message has authenticated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from e2echat.crypto.primitives import (
    BOX_OVERHEAD,
    KEM_CIPHERTEXT_SIZE,
    KEM_KEY_SIZE,
    keyed,
    require_kem_key,
)
from e2echat.errors import DecryptionError
from e2echat.wire.records import pack, u32

MAX_MISSING = 1_000
"""Messages of one chain that may be missing when a later one arrives: as many as a mailbox holds, and a
millisecond of key derivation. What is beyond is refused until the sender has resent some."""
MAX_SKIPPED = 2_000
"""Skipped keys of a session, 72 KB of state; beyond it those of the oldest chains are forgotten."""
MAX_RECEIVING_CHAINS = 5
"""The current chain and the superseded ones that still miss messages: bounds the headers that are tried."""
SKIPPED_LIFETIME = 30 * 86_400
"""Seconds that skipped keys live once their chain is superseded: as long as a relay keeps an envelope."""

HEADER_SIZE = 32 + 3 * 4 + 1 + KEM_KEY_SIZE
HBOX_SIZE = HEADER_SIZE + BOX_OVERHEAD
_NUMBER = slice(40, 44)
_NOTHING, _OFFER, _ANSWER = b"\x00", b"\x01", b"\x02"
_CHAIN = pack("chain")


def next_keys(chain_key: bytes) -> tuple[bytes, bytes]:
    """CK' and mk from CK."""
    keys = keyed(chain_key, _CHAIN, 64)
    return keys[:32], keys[32:]


@dataclass(frozen=True, slots=True)
class Announcement:
    """What every header of one chain says: dh, chain, pn, and at most one of ek (offer) and ct (answer)."""

    dh: bytes
    chain: int
    previous: int
    offer: bytes = b""
    answer: bytes = b""

    @classmethod
    def parse(cls, head: bytes, tail: bytes) -> Self:
        """Read the two parts of a header, before n and behind it.

        Raises:
            DecryptionError: a KEM slot of another kind, or bytes where none belong.
            CryptoError: the slot holds no encapsulation key.
        """
        flag, slot = tail[:1], tail[1:]
        offer = answer = unused = b""
        if flag == _OFFER:
            offer = slot
            require_kem_key(offer)
        elif flag == _ANSWER:
            answer, unused = slot[:KEM_CIPHERTEXT_SIZE], slot[KEM_CIPHERTEXT_SIZE:]
        elif flag == _NOTHING:
            unused = slot
        else:
            raise DecryptionError("a KEM slot of another kind")
        if unused != bytes(len(unused)):
            raise DecryptionError("a KEM slot with something behind its end")
        return cls(head[:32], int.from_bytes(head[32:36]), int.from_bytes(head[36:40]), offer, answer)

    @property
    def head(self) -> bytes:
        """The 40 bytes before n."""
        return self.dh + u32(self.chain) + u32(self.previous)

    @property
    def tail(self) -> bytes:
        """The 1,185 bytes behind n."""
        flag = _OFFER if self.offer else _ANSWER if self.answer else _NOTHING
        return flag + (self.offer + self.answer).ljust(KEM_KEY_SIZE, b"\0")


def header_number(header: bytes) -> int:
    """The n of a header."""
    return int.from_bytes(header[_NUMBER])


@dataclass(frozen=True, slots=True)
class SendingChain:
    """Our newest chain. ``kem_seed`` is the secret of the ek that it offers, or empty."""

    header_key: bytes = field(repr=False)
    key: bytes = field(repr=False)
    next: int
    head: bytes = field(repr=False)
    tail: bytes = field(repr=False)
    kem_seed: bytes = field(repr=False)

    @property
    def offer(self) -> bytes:
        """The ek in the headers, or nothing."""
        return _offer(self.tail)

    def header(self) -> bytes:
        """The header of the next message."""
        return self.head + u32(self.next) + self.tail

    def take(self) -> tuple[Self, bytes]:
        """The chain behind its next message, and that message's key."""
        key, message_key = next_keys(self.key)
        chain = type(self)(self.header_key, key, self.next + 1, self.head, self.tail, self.kem_seed)
        return chain, message_key


@dataclass(frozen=True, slots=True)
class ReceivingChain:
    """The peer's newest chain that we know. ``skipped`` holds the keys of messages still missing before ``next``."""

    header_key: bytes = field(repr=False)
    key: bytes = field(repr=False)
    next: int
    head: bytes = field(repr=False)
    tail: bytes = field(repr=False)
    skipped: Mapping[int, bytes] = field(repr=False)

    def number(self, header: bytes) -> int:
        """The n of a header of this chain.

        Raises:
            DecryptionError: the header says something else than the chain's others.
        """
        if header[:40] != self.head or header[44:] != self.tail:
            raise DecryptionError("headers of one chain that differ")
        return header_number(header)

    @property
    def offer(self) -> bytes:
        """The ek in the headers, or nothing."""
        return _offer(self.tail)

    @property
    def chain(self) -> int:
        """The chain's number."""
        return int.from_bytes(self.head[32:36])

    def take(self, number: int) -> tuple[Self, bytes]:
        """The chain without message ``number``, and that message's key.

        Raises:
            DecryptionError: the key is gone, or too far ahead.
        """
        if number < self.next:
            skipped, message_key = take_skipped(self.skipped, number)
            return type(self)(
                self.header_key, self.key, self.next, self.head, self.tail, skipped
            ), message_key
        require_missing(self.next, number, len(self.skipped))
        key, skipped = self._skip(number)
        key, message_key = next_keys(key)
        return type(self)(self.header_key, key, number + 1, self.head, self.tail, skipped), message_key

    def retire(self, length: int, now: int) -> "RetiredChain":
        """The chain once the peer has begun another and said how many messages this one has.

        Raises:
            DecryptionError: more messages have arrived, or too many are missing.
        """
        require_missing(self.next, length, len(self.skipped))
        _, skipped = self._skip(length)
        return RetiredChain(self.header_key, self.chain, skipped, now)

    def _skip(self, number: int) -> tuple[bytes, Mapping[int, bytes]]:
        """The chain key at ``number``, and the skipped keys up to it."""
        if number == self.next:
            return self.key, self.skipped
        key, skipped = self.key, dict(self.skipped)
        for missing in range(self.next, number):
            key, skipped[missing] = next_keys(key)
        return key, skipped


@dataclass(frozen=True, slots=True)
class RetiredChain:
    """What is left of a superseded chain of the peer: the keys of messages that are still missing."""

    header_key: bytes = field(repr=False)
    chain: int
    skipped: Mapping[int, bytes] = field(repr=False)
    retired_at: int

    def take(self, number: int) -> tuple[Self, bytes]:
        """The chain without message ``number``, and that message's key.

        Raises:
            DecryptionError: the key is gone.
        """
        skipped, message_key = take_skipped(self.skipped, number)
        return type(self)(self.header_key, self.chain, skipped, self.retired_at), message_key


def _offer(tail: bytes) -> bytes:
    return tail[1:] if tail[:1] == _OFFER else b""


def take_skipped(skipped: Mapping[int, bytes], number: int) -> tuple[Mapping[int, bytes], bytes]:
    """The keys without that of message ``number``, and that one."""
    if number not in skipped:
        raise DecryptionError("a message that was received before")
    return {other: key for other, key in skipped.items() if other != number}, skipped[number]


def require_missing(start: int, end: int, missing: int) -> None:
    """Check a count of messages before any key is derived for it.

    Args:
        start: the next message of the chain.
        end: where the chain is to be wound on to.
        missing: messages of the chain that are missing already.

    Raises:
        DecryptionError: it goes backward, or more than ``MAX_MISSING`` would be missing.
    """
    if not start <= end <= start + MAX_MISSING - missing:
        raise DecryptionError("a message number out of bounds")


def bound_retired(
    chains: Iterable[RetiredChain], current: ReceivingChain | None, now: int
) -> tuple[RetiredChain, ...]:
    """The superseded chains, oldest first, without those that have expired and those beyond the caps."""
    live = [chain for chain in chains if chain.skipped and now - chain.retired_at < SKIPPED_LIFETIME]
    room = MAX_SKIPPED - (len(current.skipped) if current else 0)
    kept: list[RetiredChain] = []
    for chain in reversed(live[1 - MAX_RECEIVING_CHAINS :]):
        room -= len(chain.skipped)
        if room < 0:
            break
        kept.append(chain)
    return tuple(reversed(kept))
