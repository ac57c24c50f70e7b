"""Whoever holds both people's long-term keys and all recorded traffic opens nothing sent after the first reply."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.keys import ExchangeKey
from e2echat.crypto.prekeys import PrekeySecret
from e2echat.crypto.session import Session
from e2echat.errors import DecryptionError, HandshakeError

if TYPE_CHECKING:
    from tests.conftest import Person, Talk

EPOCH = 1_700_000_000


@dataclass
class Thief:
    """Everything of both people that outlives a session; of one-time prekeys only what ``one_time_left`` says."""

    alice: "Person"
    bob: "Person"
    one_time_left: bool = False

    def signed(self, prekey_id: int) -> PrekeySecret | None:
        return self.bob.signed(prekey_id)

    def one_time(self, prekey_id: int) -> PrekeySecret | None:
        return self.bob.one_time(prekey_id) if self.one_time_left else None

    def as_bob(self, first: bytes) -> Session:
        return Session.accept(self.bob.own, self, first, now=EPOCH).session

    @property
    def keys(self) -> Iterator[ExchangeKey]:
        for person in (self.alice, self.bob):
            yield person.own.key
            yield person.signed_prekey.dh
            if self.one_time_left:
                yield person.one_time_prekey.dh


def _record(talk: "Talk") -> list[bytes]:
    recorded = []
    for turn in range(7):
        who, other = ("alice", "bob") if turn % 2 else ("bob", "alice")
        recorded.append(talk.send(who, b"after the first reply"))
        talk.receive(other, recorded[-1])
    return recorded


def _as_alice(bobs: Session, secret: ExchangeKey) -> Session:
    """What Alice's side would be after her first chain if her ratchet key were ``secret``."""
    root = bobs.ratchet.root
    turned = replace(
        root,
        secret=secret,
        sending_header_key=root.receiving_header_key,
        receiving_header_key=root.sending_header_key,
    )
    return replace(bobs, initiator=True, ratchet=replace(bobs.ratchet, root=turned, receiving=None))


def _openable(sessions: list[Session], recorded: list[bytes]) -> list[bytes]:
    opened = []
    for session in sessions:
        for envelope in recorded:
            try:
                session.decrypt(envelope, EPOCH)
            except DecryptionError:
                continue
            opened.append(envelope)
    return opened


def test_with_a_one_time_prekey_nothing_opens_at_all(talk: "Talk", alice: "Person", bob: "Person") -> None:
    _record(talk)
    with pytest.raises(HandshakeError):
        Thief(alice, bob).as_bob(talk.first)


@pytest.mark.parametrize("one_time", [True, False])
def test_nothing_opens_after_the_first_reply(
    open_talk: Callable[..., "Talk"], alice: "Person", bob: "Person", one_time: bool
) -> None:
    """Even if Bob's one-time secrets were never deleted: only the first chain opens."""
    talk = open_talk(one_time=one_time)
    thief = Thief(alice, bob, one_time_left=True)
    bobs = thief.as_bob(talk.first)
    recorded = _record(talk)
    sessions = [bobs]
    for key in thief.keys:
        sessions += [
            replace(bobs, ratchet=replace(bobs.ratchet, root=replace(bobs.ratchet.root, secret=key)))
        ]
        sessions += [_as_alice(bobs, key)]
    assert _openable(sessions, recorded) == []


def test_the_thief_lacks_nothing_but_the_ratchet_key(
    open_talk: Callable[..., "Talk"], alice: "Person", bob: "Person"
) -> None:
    talk = open_talk(one_time=False)
    secret = talk.sides["alice"].ratchet.root.secret
    assert secret
    bobs = Thief(alice, bob).as_bob(talk.first)
    recorded = _record(talk)
    assert _openable([_as_alice(bobs, secret)], recorded) == recorded[:1]
