"""The outside of an envelope, which the relay sees. docs/spec/ratchet.md, "Envelopes"."""

from e2echat.crypto.chains import HBOX_SIZE
from e2echat.crypto.handshake import PREAMBLE_SIZE, PROTOCOL, Preamble
from e2echat.crypto.padding import MAX_ENVELOPE
from e2echat.crypto.primitives import BOX_OVERHEAD, H
from e2echat.errors import MalformedError

INITIAL, ORDINARY = 1, 2
"""Second byte of an envelope: whether the handshake's preamble comes first. The first byte is ``PROTOCOL``."""
INITIAL_HEAD = bytes([PROTOCOL, INITIAL])
ORDINARY_HEAD = bytes([PROTOCOL, ORDINARY])
HEAD_SIZE = 2


def split(envelope: bytes) -> tuple[bytes, bytes, bytes]:
    """Preamble (empty in an ordinary envelope), header box and body.

    Raises:
        MalformedError: a version or kind that we do not know, or a size that is none.
    """
    head = envelope[:HEAD_SIZE]
    if head == ORDINARY_HEAD:
        start = HEAD_SIZE
    elif head == INITIAL_HEAD:
        start = HEAD_SIZE + PREAMBLE_SIZE
    else:
        raise MalformedError("an envelope of another kind")
    body = start + HBOX_SIZE
    if not body + BOX_OVERHEAD < len(envelope) <= MAX_ENVELOPE:
        raise MalformedError("an envelope of a size that is none")
    return envelope[HEAD_SIZE:start], envelope[start:body], envelope[body:]


def init_hash(envelope: bytes) -> bytes | None:
    """What an initial envelope's handshake is remembered by; None for an ordinary envelope.

    Raises:
        MalformedError: it is neither, or cut short.
    """
    preamble, _, _ = split(envelope)
    return Preamble.parse(preamble).init if preamble else None


def envelope_hash(envelope: bytes) -> bytes:
    """What one envelope is remembered by."""
    return H("envelope", envelope)
