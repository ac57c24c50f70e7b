"""The same conversation with two libraries from PyPI: what others pay for a message and for a turn.

Each peer does what we do and no more: a message becomes what can be sent, and its text again. Nobody stores a state.
vodozemac (Olm, in Rust) has a Double Ratchet with open headers, no padding and no KEM; DoubleRatchet (in Python) the
specification's, with the primitives that it recommends. Its coroutines never wait, so that they are run without an event loop.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import vodozemac
from doubleratchet import DoubleRatchet, EncryptedMessage, Header
from doubleratchet.recommended import HashFunction, aead_aes_hmac, kdf_hkdf, kdf_separate_hmacs
from doubleratchet.recommended import diffie_hellman_ratchet_curve25519 as curve25519

from bench.measure import Figure
from bench.sessions import PAIR, PAIRS, PING_PONG, PING_PONGS, TEXT, Turns, pairs, ping_pongs

T = TypeVar("T")


class Olm(Turns):
    """Two Olm sessions that have been answered."""

    def __init__(self) -> None:
        alice, bob = vodozemac.Account(), vodozemac.Account()
        bob.generate_one_time_keys(1)
        (one_time,) = bob.one_time_keys.values()
        self.one = alice.create_outbound_session(bob.curve25519_key, one_time)
        first = self.one.encrypt(TEXT).to_pre_key()
        assert first
        self.other, _ = bob.create_inbound_session(alice.curve25519_key, first)
        self.turn()

    def send(self) -> None:
        assert self.other.decrypt(self.one.encrypt(TEXT)) == TEXT


class Ratchet(DoubleRatchet):
    """Associated data as the specification has it: the parties', then the header."""

    @staticmethod
    def _build_associated_data(associated_data: bytes, header: Header) -> bytes:
        counts = header.previous_sending_chain_length.to_bytes(8) + header.sending_chain_length.to_bytes(8)
        together: bytes = associated_data + header.ratchet_pub + counts
        return together


class _Root(kdf_hkdf.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    def _get_info() -> bytes:
        return b"bench root"


class _Chain(kdf_separate_hmacs.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256


class _Aead(aead_aes_hmac.AEAD):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    def _get_info() -> bytes:
        return b"bench body"


class Python(Turns):
    """Two DoubleRatchets that have been answered."""

    ASSOCIATED = bytes(64)

    def __init__(self) -> None:
        secret, key = bytes(32), bytes(range(32))
        public = curve25519.DiffieHellmanRatchet._derive_pub(key)  # noqa: SLF001 - its own way to make a key
        common: dict[str, Any] = {
            "diffie_hellman_ratchet_class": curve25519.DiffieHellmanRatchet,
            "root_chain_kdf": _Root,
            "message_chain_kdf": _Chain,
            "message_chain_constant": b"\x02\x01",
            "dos_protection_threshold": 1000,
            "max_num_skipped_message_keys": 1000,
            "aead": _Aead,
            "shared_secret": secret,
            "associated_data": self.ASSOCIATED,
        }
        self.one, first = _run(
            Ratchet.encrypt_initial_message(recipient_ratchet_pub=public, message=TEXT, **common)
        )
        self.other, _ = _run(Ratchet.decrypt_initial_message(own_ratchet_priv=key, message=first, **common))
        self.turn()

    def send(self) -> None:
        message: EncryptedMessage = _run(self.one.encrypt_message(TEXT, self.ASSOCIATED))
        assert _run(self.other.decrypt_message(message, self.ASSOCIATED)) == TEXT


def _run(work: Coroutine[None, None, T]) -> T:
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise RuntimeError("it waits for something")


PEERS: dict[str, Callable[[], Turns]] = {"vodozemac": Olm, "DoubleRatchet": Python}
BARS = {
    (PAIR, "vodozemac"): 0.5,
    (PAIR, "DoubleRatchet"): 2.5,
    (PING_PONG, "vodozemac"): 0.8,
}
"""How many times as fast as a peer we want to be at least; none is set for a ping-pong with DoubleRatchet."""


def figures() -> list[Figure]:
    return [
        *(Figure(f"{name}: {PAIR}", pairs(made()), PAIRS) for name, made in PEERS.items()),
        *(Figure(f"{name}: {PING_PONG}", ping_pongs(made()), PING_PONGS) for name, made in PEERS.items()),
    ]
