"""Both sides of a ratchet without a handshake, and what a hostile peer can make of one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from e2echat.crypto.chains import HBOX_SIZE, HEADER_SIZE, Announcement, SendingChain
from e2echat.crypto.handshake import Agreement
from e2echat.crypto.keys import ExchangeKey
from e2echat.crypto.primitives import SystemRandomness, box, keyed
from e2echat.crypto.ratchet import Ratchet, Received
from e2echat.errors import CryptoError
from e2echat.wire.records import u32

EPOCH = 1_700_000_000
RANDOMNESS = SystemRandomness()
AGREED = Agreement(*(bytes([i]) * 32 for i in range(6)))


@dataclass
class Two:
    """Alice at 0, Bob at 1."""

    sides: list[Ratchet]
    now: int = EPOCH

    def send(self, who: int, text: bytes = b"text") -> bytes:
        self.sides[who], sealed = self.sides[who].encrypt(text, self.now, RANDOMNESS)
        return sealed

    def receive(self, who: int, sealed: bytes) -> Received:
        self.sides[who], received = self.sides[who].decrypt(sealed[:HBOX_SIZE], sealed[HBOX_SIZE:], self.now)
        return received

    def say(self, who: int, text: bytes = b"text") -> Received:
        return self.receive(1 - who, self.send(who, text))

    def sending(self, who: int) -> SendingChain:
        chain = self.sides[who].sending
        assert chain is not None
        return chain

    def turns(self, count: int) -> list[int]:
        """Alice begins, and each says one message a turn. Gives the flag of the KEM slot of each turn."""
        slots = []
        for turn in range(count):
            self.say(turn % 2)
            slots.append(self.slot(turn % 2))
        return slots

    def slot(self, who: int) -> int:
        """The flag of the KEM slot in ``who``'s newest chain."""
        return self.sending(who).tail[0]

    def forge(self, who: int, *, number: int | None = None, **changes: Any) -> bytes:
        """What ``who`` sends next if the header says something else, with a body that fits it."""
        chain = self.sending(who)
        said = replace(Announcement.parse(chain.head, chain.tail), **changes)
        return self.forge_raw(who, said.head + u32(chain.next if number is None else number) + said.tail)

    def forge_raw(self, who: int, header: bytes) -> bytes:
        assert len(header) == HEADER_SIZE
        chain = self.sending(who)
        hbox = box(chain.header_key, header, RANDOMNESS)
        _, message_key = chain.take()
        return hbox + box(keyed(message_key, self.sides[who].binding + hbox), b"forged", RANDOMNESS)

    def lose(self, count: int) -> list[bytes]:
        """After a word of Bob's, Alice begins a chain of which Bob gets only the message after ``count``."""
        self.say(1)
        delayed = [self.send(0) for _ in range(count)]
        self.receive(1, self.send(0))
        return delayed

    def refuses(self, who: int, sealed: bytes) -> None:
        before = self.sides[who]
        with pytest.raises(CryptoError):
            self.receive(who, sealed)
        assert self.sides[who] is before


@pytest.fixture
def agreed() -> Agreement:
    return AGREED


@pytest.fixture(scope="session")
def prekey() -> ExchangeKey:
    """Bob's signed prekey."""
    return ExchangeKey.generate(RANDOMNESS)


@pytest.fixture
def two(agreed: Agreement, prekey: ExchangeKey) -> Two:
    return Two([Ratchet.initiate(agreed, prekey.public, EPOCH), Ratchet.respond(agreed, prekey, EPOCH)])


@pytest.fixture
def no_derivation(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, any derivation of a key fails the test."""

    def forbidden(*_: object, **__: object) -> None:
        pytest.fail("a key was derived")

    def forbid() -> None:
        for name in ("chains.next_keys", "ratchet.hkdf", "ratchet.X", "ratchet.kem_decapsulate"):
            monkeypatch.setattr(f"e2echat.crypto.{name}", forbidden)

    return forbid
