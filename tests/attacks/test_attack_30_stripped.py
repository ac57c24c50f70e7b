"""Version, suite or KEM stripped or replaced: aborted."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.crypto import handshake
from e2echat.crypto.keys import SUITE
from e2echat.crypto.prekeys import PrekeyBundle
from e2echat.crypto.primitives import SystemRandomness
from e2echat.crypto.session import Session
from e2echat.errors import CryptoError, DecryptionError, HandshakeError, MalformedError
from e2echat.wire.records import u16, u32, u64

if TYPE_CHECKING:
    from tests.conftest import Person, Talk

EPOCH = 1_700_000_000
RANDOMNESS = SystemRandomness()


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version(talk: "Talk", bob: "Person", version: int) -> None:
    with pytest.raises(MalformedError):
        bob.accept(bytes([version]) + talk.first[1:])
    envelope = talk.send("bob")
    with pytest.raises(DecryptionError):
        talk.receive("alice", bytes([version]) + envelope[1:])


@pytest.mark.parametrize("name", ["PROTOCOL", "SUITE"])
def test_versions_are_in_the_transcript(
    alice: "Person", bob: "Person", monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Two implementations that negotiated differently do not come to share keys."""
    session = alice.initiate(bob)
    _, envelope = session.encrypt(b"text", EPOCH, RANDOMNESS)
    monkeypatch.setattr(handshake, name, 2)
    with pytest.raises(HandshakeError):
        bob.accept(envelope)


def _prekey(person: "Person", *, suite: int = SUITE, kem: bytes) -> bytes:
    prekey, account = person.signed_prekey.prekey, person.account
    device = person.own.device
    times = (u64(prekey.epoch), u64(prekey.not_before), u64(prekey.not_after))
    fields = (device.hash, u32(prekey.prekey_id), *times, prekey.dh, kem)
    return account.sign_record("prekey", bytes([prekey.kind]), u16(suite), *fields)


@pytest.mark.parametrize("change", [{"suite": 0}, {"suite": 2}, {"kem": b""}, {"kem": bytes(1183)}])
def test_a_signed_prekey_of_another_suite_or_without_kem(bob: "Person", change: dict[str, Any]) -> None:
    kem: dict[str, Any] = {"kem": bob.signed_prekey.prekey.kem}
    identity, device = bob.own.identity.raw, bob.own.device.raw
    good = PrekeyBundle.parse(identity, device, _prekey(bob, **kem), None, EPOCH)
    assert good == bob.bundle(one_time=False)
    with pytest.raises(HandshakeError):
        PrekeyBundle.parse(identity, device, _prekey(bob, **{**kem, **change}), None, EPOCH)


def test_a_kem_key_that_is_none(alice: "Person", bob: "Person") -> None:
    bundle = bob.bundle(one_time=False)
    for kem in (b"", bytes(32), b"\xff" * 1184):
        with pytest.raises(HandshakeError):
            Session.initiate(
                alice.own,
                replace(bundle, signed=replace(bundle.signed, kem=kem)),
                alice.route,
                generation=1,
                authenticators=(),
                now=EPOCH,
                randomness=RANDOMNESS,
            )


def test_the_kem_secret_takes_part(alice: "Person", bob: "Person") -> None:
    """With every DH secret of Bob's, but not the seed of his KEM key, a first message stays closed."""
    _, envelope = alice.initiate(bob).encrypt(b"text", EPOCH, RANDOMNESS)
    quantum = replace(bob, one_time_prekey=replace(bob.one_time_prekey, kem_seed=bytes(64)))
    with pytest.raises(CryptoError):
        quantum.accept(envelope)
