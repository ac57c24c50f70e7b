"""A bad ML-KEM ciphertext: the same generic failure as any other."""

from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.handshake import PREAMBLE_SIZE
from e2echat.errors import HandshakeError

if TYPE_CHECKING:
    from tests.conftest import Person, Talk

CIPHERTEXT = slice(2 + 41, 2 + 41 + 1088)


def _failure(bob: "Person", envelope: bytes) -> tuple[type, str]:
    with pytest.raises(HandshakeError) as caught:
        bob.accept(envelope)
    return type(caught.value), str(caught.value)


def test_all_fail_alike(talk: "Talk", bob: "Person") -> None:
    first = bytearray(talk.first)
    other_seal, other_body = bytearray(first), bytearray(first)
    other_seal[PREAMBLE_SIZE] ^= 1
    other_body[-1] ^= 1
    failures = {_failure(bob, bytes(other_seal)), _failure(bob, bytes(other_body))}
    for position in range(CIPHERTEXT.start, CIPHERTEXT.stop, 29):
        other = bytearray(first)
        other[position] ^= 0x10
        failures.add(_failure(bob, bytes(other)))
    for ciphertext in (bytes(1088), b"\xff" * 1088):
        other = bytearray(first)
        other[CIPHERTEXT] = ciphertext
        failures.add(_failure(bob, bytes(other)))
    assert len(failures) == 1
