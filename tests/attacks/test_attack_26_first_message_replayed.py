"""The first message replayed: it is recognised, with a last-resort prekey and after a one-time one is gone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.prekeys import PrekeySecret
from e2echat.crypto.session import Session, init_hash
from e2echat.errors import DecryptionError, HandshakeError, MalformedError

if TYPE_CHECKING:
    from tests.conftest import Person, Talk

EPOCH = 1_700_000_000


@dataclass
class Used:
    """A person's prekeys once the one-time one was used."""

    person: "Person"

    def signed(self, prekey_id: int) -> PrekeySecret | None:
        return self.person.signed(prekey_id)

    def one_time(self, _: int) -> PrekeySecret | None:
        return None


@pytest.mark.parametrize("one_time", [True, False])
def test_its_session_refuses_it(open_talk: Callable[..., "Talk"], one_time: bool) -> None:
    talk = open_talk(one_time=one_time)
    for _ in range(2):
        with pytest.raises(DecryptionError):
            talk.receive("bob", talk.first)
        talk.pass_on("bob")
        talk.pass_on("alice")


def test_a_one_time_prekey_works_once(talk: "Talk", bob: "Person") -> None:
    with pytest.raises(HandshakeError):
        Session.accept(bob.own, Used(bob), talk.first, now=EPOCH)


def test_with_the_last_resort_what_is_remembered_tells(
    open_talk: Callable[..., "Talk"], bob: "Person"
) -> None:
    """Without the memory of ``init`` it would open again, as the same session."""
    talk = open_talk(one_time=False)
    again = Session.accept(bob.own, Used(bob), talk.first, now=EPOCH)
    assert again.session.sid == talk.sides["bob"].sid
    assert again.init == init_hash(talk.first) == init_hash(talk.send("alice"))


def test_other_handshakes_are_remembered_apart(open_talk: Callable[..., "Talk"]) -> None:
    assert init_hash(open_talk().first) != init_hash(open_talk().first)


def test_no_altered_copy_passes_for_another_handshake(
    open_talk: Callable[..., "Talk"], bob: "Person"
) -> None:
    """Whatever changes init also breaks the handshake, and whatever else changes breaks the seal."""
    first = open_talk(one_time=False).first
    for position in (*range(2, 43), *range(43, 1131, 64), *range(1131, 2035, 64)):
        altered = first[:position] + bytes([first[position] ^ 1]) + first[position + 1 :]
        with pytest.raises((HandshakeError, MalformedError)):
            bob.accept(altered)
