"""Numbers that a hostile contact makes up: n or pn of 2^32 - 1, a chain that is not the next, large jumps.

The contact is Bob, who holds all keys of his own; nobody else can make a header that opens.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.crypto.chains import MAX_MISSING, Announcement
from e2echat.crypto.primitives import SystemRandomness, box
from e2echat.errors import DecryptionError
from e2echat.wire.records import u32

if TYPE_CHECKING:
    from tests.conftest import Talk

HIGHEST = 2**32 - 1


def _lie(talk: "Talk", number: int, **changes: Any) -> bytes:
    """An envelope of Bob's newest chain with another header."""
    envelope, chain = talk.send("bob"), talk.sides["bob"].ratchet.sending
    assert chain
    said = replace(Announcement.parse(chain.head, chain.tail), **changes)
    hbox = box(chain.header_key, said.head + u32(number) + said.tail, SystemRandomness())
    return envelope[:2] + hbox + envelope[2 + len(hbox) :]


def _refused_without_derivation(talk: "Talk", envelope: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    before = talk.sides["alice"]
    with monkeypatch.context() as patch:
        for name in ("chains.next_keys", "ratchet.hkdf", "ratchet.X", "ratchet.kem_decapsulate"):
            patch.setattr(f"e2echat.crypto.{name}", lambda *_, **__: pytest.fail("a key was derived"))
        with pytest.raises(DecryptionError):
            talk.receive("alice", envelope)
    assert talk.sides["alice"] is before


@pytest.mark.parametrize("number", [MAX_MISSING + 1, 2**31, HIGHEST])
def test_attack_33_n_in_a_new_chain(talk: "Talk", number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _refused_without_derivation(talk, _lie(talk, number), monkeypatch)


@pytest.mark.parametrize("number", [MAX_MISSING + 2, 2**31, HIGHEST])
def test_attack_33_n_in_a_known_chain(talk: "Talk", number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    talk.pass_on("bob")
    _refused_without_derivation(talk, _lie(talk, number), monkeypatch)


@pytest.mark.parametrize("previous", [0, MAX_MISSING + 2, HIGHEST])
def test_attack_33_pn(talk: "Talk", previous: int, monkeypatch: pytest.MonkeyPatch) -> None:
    talk.pass_on("bob")
    talk.pass_on("alice")
    _refused_without_derivation(talk, _lie(talk, 0, previous=previous), monkeypatch)


@pytest.mark.parametrize("chain", [0, 2, 3, 5, HIGHEST])
def test_attack_34_a_chain_that_is_not_the_next(
    talk: "Talk", chain: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refused_without_derivation(talk, _lie(talk, 0, chain=chain), monkeypatch)


def test_attack_34_large_jumps_are_capped_and_nothing_is_lost(talk: "Talk") -> None:
    envelopes = [talk.send("bob", b"%d" % i) for i in range(MAX_MISSING + 2)]
    with pytest.raises(DecryptionError):
        talk.receive("alice", envelopes[-1])
    for i in (MAX_MISSING, 0, MAX_MISSING + 1, 1):
        assert talk.receive("alice", envelopes[i]).plaintext == b"%d" % i
