"""With whom somebody talks, written so that only the open account can read it. docs/spec/storage.md, "Locking"."""

from e2echat.crypto.primitives import K, Randomness, box, open_box
from e2echat.errors import CryptoError

ROOM = 512
"""Bytes that every name takes, so that its length says nothing: more than any has with a relay's address."""


def sealed_place(key: bytes, peer: str, randomness: Randomness) -> str:
    """``peer`` in hexadecimal digits, another one each time; ``key``: 32 bytes of the vault's."""
    return box(K(key, "place"), peer.encode().ljust(ROOM, b"\0"), randomness).hex()


def opened_place(key: bytes, sealed: str) -> str | None:
    """``sealed_place`` undone; None if it is not of that key."""
    try:
        return open_box(K(key, "place"), bytes.fromhex(sealed)).rstrip(b"\0").decode()
    except (CryptoError, ValueError):
        return None
