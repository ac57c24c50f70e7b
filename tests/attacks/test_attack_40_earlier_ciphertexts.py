"""Session state leaks: ciphertexts from before the leak stay closed."""

from typing import TYPE_CHECKING

import pytest

from e2echat.errors import DecryptionError

if TYPE_CHECKING:
    from tests.conftest import Talk


def test_what_was_read_stays_closed(talk: "Talk") -> None:
    recorded = [talk.first]
    for turn in range(9):
        who, other = ("alice", "bob") if turn % 2 else ("bob", "alice")
        for _ in range(2):
            recorded.append(talk.send(who))
            talk.receive(other, recorded[-1])
        for side in talk.sides.values():
            for envelope in recorded:
                with pytest.raises(DecryptionError):
                    side.decrypt(envelope, talk.now)


def test_no_key_of_what_was_read_is_in_the_state(talk: "Talk") -> None:
    """Each chain and message key that has been used is gone from both states, as they are stored."""
    keys = []
    for turn in range(6):
        who = "alice" if turn % 2 else "bob"
        talk.pass_on(who)
        sending = talk.sides[who].ratchet.sending
        assert sending
        keys.append(sending.key)
        talk.pass_on(who)
    stored = b"".join(side.to_bytes() for side in talk.sides.values())
    assert not [key for key in keys if key in stored]


def test_a_late_message_keeps_only_its_own_key(talk: "Talk") -> None:
    late, read = talk.send("bob"), talk.send("bob")
    talk.receive("alice", read)
    leaked = talk.sides["alice"]
    assert leaked.decrypt(late, talk.now)
    with pytest.raises(DecryptionError):
        leaked.decrypt(read, talk.now)
    talk.receive("alice", late)
    with pytest.raises(DecryptionError):
        talk.sides["alice"].decrypt(late, talk.now)
