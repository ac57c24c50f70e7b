"""An envelope delivered to another mailbox, or as another conversation: rejected, no state changes."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.primitives import SystemRandomness
from e2echat.errors import DecryptionError, HandshakeError

if TYPE_CHECKING:
    from tests.conftest import Person, Talk


@pytest.mark.parametrize("one_time", [True, False])
def test_a_first_message_opens_for_nobody_else(
    alice: "Person", bob: "Person", mallory: "Person", one_time: bool
) -> None:
    _, envelope = _first(alice, bob, one_time)
    with pytest.raises(HandshakeError):
        mallory.accept(envelope)


def _first(own: "Person", peer: "Person", one_time: bool) -> tuple[object, bytes]:
    return own.initiate(peer, one_time=one_time).encrypt(b"text", 1_700_000_000, SystemRandomness())


def test_an_envelope_of_another_session_changes_nothing(open_talk: Callable[..., "Talk"]) -> None:
    one, other = open_talk(), open_talk()
    for talk in (one, other):
        talk.pass_on("bob")
    envelope = one.send("alice")
    before = other.sides["bob"]
    with pytest.raises(DecryptionError):
        other.receive("bob", envelope)
    assert other.sides["bob"] is before
    assert one.receive("bob", envelope).plaintext == b"text"


def test_a_header_of_one_message_does_not_carry_the_body_of_another(talk: "Talk") -> None:
    talk.pass_on("bob")
    first, second = talk.send("alice"), talk.send("alice")
    with pytest.raises(DecryptionError):
        talk.receive("bob", first[:1271] + second[1271:])
