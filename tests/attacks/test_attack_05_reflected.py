"""An envelope reflected to its sender: rejected."""

from typing import TYPE_CHECKING

import pytest

from e2echat.errors import DecryptionError, HandshakeError

if TYPE_CHECKING:
    from tests.conftest import Person, Talk


def test_a_first_message_comes_back(talk: "Talk", alice: "Person") -> None:
    with pytest.raises(DecryptionError):
        talk.receive("alice", talk.first)
    with pytest.raises(HandshakeError):
        alice.accept(talk.first)


def test_a_first_message_comes_back_after_the_reply(talk: "Talk") -> None:
    more = talk.send("alice")
    talk.pass_on("bob")
    for envelope in (talk.first, more):
        with pytest.raises(DecryptionError):
            talk.receive("alice", envelope)


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_an_ordinary_message_comes_back(talk: "Talk", who: str) -> None:
    for turn in ("bob", "alice", "bob", "alice"):
        talk.pass_on(turn)
    for _ in range(3):
        envelope = talk.send(who)
        with pytest.raises(DecryptionError):
            talk.receive(who, envelope)
    assert talk.pass_on(who).plaintext == b"text"
