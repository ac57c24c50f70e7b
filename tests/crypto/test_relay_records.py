import pytest

from e2echat.crypto.keys import DEVICE_ID, Identity, SigningKey
from e2echat.crypto.primitives import H, SystemRandomness
from e2echat.crypto.relay_records import AuthRecord, ClaimRecord, HelloRecord
from e2echat.errors import CryptoError, MalformedError, WrongRelayError
from e2echat.wire.records import u32, u64

EPOCH = 1_700_000_000
CERTIFICATE = b"c" * 32


@pytest.fixture(scope="module")
def relay(randomness: SystemRandomness) -> SigningKey:
    return SigningKey.generate(randomness)


@pytest.fixture(scope="module")
def other_relay(randomness: SystemRandomness) -> SigningKey:
    return SigningKey.generate(randomness)


@pytest.fixture(scope="module")
def entry(randomness: SystemRandomness) -> SigningKey:
    """The key that the account signs in with."""
    return SigningKey.generate(randomness)


@pytest.fixture(scope="module")
def hello(relay: SigningKey) -> HelloRecord:
    return HelloRecord.create(relay, b"n" * 32, CERTIFICATE, 1)


@pytest.fixture(scope="module")
def claim(account: SigningKey, relay: SigningKey, entry: SigningKey) -> ClaimRecord:
    return ClaimRecord.create(account, relay.public, "alice", EPOCH, entry.public)


@pytest.fixture(scope="module")
def auth(entry: SigningKey, hello: HelloRecord) -> AuthRecord:
    return AuthRecord.create(entry, hello, b"m" * 32, "alice")


def _altered(raw: bytes) -> list[bytes]:
    return [raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :] for i in range(len(raw))]


def _cut(raw: bytes) -> list[bytes]:
    return [*(raw[:end] for end in range(len(raw))), raw + b"\0", raw + bytes(64)]


def test_hello(hello: HelloRecord, relay: SigningKey) -> None:
    assert HelloRecord.parse(hello.raw, relay.public, CERTIFICATE) == hello
    assert hello.version == 1
    assert hello.hash == H("hello-hash", hello.raw)


def test_a_hello_altered_or_cut_is_refused(hello: HelloRecord, relay: SigningKey) -> None:
    for bad in [*_altered(hello.raw), *_cut(hello.raw)]:
        with pytest.raises((MalformedError, WrongRelayError)):
            HelloRecord.parse(bad, relay.public, CERTIFICATE)


def test_a_hello_of_another_relay_is_refused(hello: HelloRecord, other_relay: SigningKey) -> None:
    with pytest.raises(WrongRelayError):
        HelloRecord.parse(hello.raw, other_relay.public, CERTIFICATE)


def test_a_hello_for_another_certificate_is_refused(hello: HelloRecord, relay: SigningKey) -> None:
    for certificate in (b"d" * 32, bytes(32)):
        with pytest.raises(WrongRelayError):
            HelloRecord.parse(hello.raw, relay.public, certificate)


def test_a_hello_that_names_the_relay_but_is_signed_by_another_is_refused(
    relay: SigningKey, other_relay: SigningKey
) -> None:
    raw = other_relay.sign_record("hello", relay.public, bytes(32), CERTIFICATE, b"\0\1")
    with pytest.raises(WrongRelayError):
        HelloRecord.parse(raw, relay.public, CERTIFICATE)


def test_claim(claim: ClaimRecord, identity: Identity, relay: SigningKey, entry: SigningKey) -> None:
    assert ClaimRecord.parse(claim.raw, identity, relay.public) == claim
    assert (claim.name, claim.epoch, claim.key) == ("alice", EPOCH, entry.public)


def test_a_claim_altered_or_cut_is_refused(claim: ClaimRecord, identity: Identity, relay: SigningKey) -> None:
    for bad in [*_altered(claim.raw), *_cut(claim.raw)]:
        with pytest.raises((MalformedError, CryptoError)):
            ClaimRecord.parse(bad, identity, relay.public)


def test_a_claim_at_another_relay_is_refused(
    claim: ClaimRecord, identity: Identity, other_relay: SigningKey
) -> None:
    with pytest.raises(CryptoError):
        ClaimRecord.parse(claim.raw, identity, other_relay.public)


def test_a_claim_of_another_name_or_device_is_refused(
    account: SigningKey, identity: Identity, relay: SigningKey, entry: SigningKey
) -> None:
    named = ClaimRecord.create(account, relay.public, "alicia", EPOCH, entry.public).raw
    fields = relay.public, b"alice", u32(DEVICE_ID + 1), u64(EPOCH), entry.public
    for raw in (named, account.sign_record("claim", *fields)):
        with pytest.raises(CryptoError):
            ClaimRecord.parse(raw, identity, relay.public)


def test_a_claim_signed_by_another_key_is_refused(
    other_account: SigningKey, identity: Identity, relay: SigningKey, entry: SigningKey
) -> None:
    raw = ClaimRecord.create(other_account, relay.public, "alice", EPOCH, entry.public).raw
    with pytest.raises(CryptoError):
        ClaimRecord.parse(raw, identity, relay.public)


def test_auth(auth: AuthRecord, entry: SigningKey, hello: HelloRecord) -> None:
    assert AuthRecord.parse(auth.raw) == auth
    assert auth.name == "alice"
    auth.verify(entry.public, hello)


def test_an_auth_altered_or_cut_is_refused(auth: AuthRecord, entry: SigningKey, hello: HelloRecord) -> None:
    for bad in [*_altered(auth.raw), *_cut(auth.raw)]:
        with pytest.raises((MalformedError, CryptoError)):
            AuthRecord.parse(bad).verify(entry.public, hello)


def test_an_auth_by_another_key_is_refused(auth: AuthRecord, account: SigningKey, hello: HelloRecord) -> None:
    with pytest.raises(CryptoError):
        auth.verify(account.public, hello)


def test_an_auth_answers_one_hello_only(
    auth: AuthRecord, entry: SigningKey, relay: SigningKey, other_relay: SigningKey
) -> None:
    for hello in (
        HelloRecord.create(relay, b"o" * 32, CERTIFICATE, 1),
        HelloRecord.create(relay, b"n" * 32, bytes(32), 1),
        HelloRecord.create(relay, b"n" * 32, CERTIFICATE, 2),
        HelloRecord.create(other_relay, b"n" * 32, CERTIFICATE, 1),
    ):
        with pytest.raises(CryptoError):
            auth.verify(entry.public, hello)


def test_an_auth_names_the_relay_that_it_is_for(
    entry: SigningKey, hello: HelloRecord, other_relay: SigningKey
) -> None:
    fields = other_relay.public, hello.hash, bytes(32), b"alice", u32(DEVICE_ID)
    with pytest.raises(CryptoError):
        AuthRecord.parse(entry.sign_record("auth", *fields)).verify(entry.public, hello)


@pytest.mark.parametrize("name", [b"Alice", b"\xff", b"a b", b"-"])
def test_an_auth_with_a_name_in_another_spelling_is_refused(
    entry: SigningKey, hello: HelloRecord, name: bytes
) -> None:
    fields = hello.relay_key, hello.hash, bytes(32), name, u32(DEVICE_ID)
    with pytest.raises(MalformedError):
        AuthRecord.parse(entry.sign_record("auth", *fields))


@pytest.mark.parametrize("device_id", [0, DEVICE_ID + 1])
def test_an_auth_of_another_device_is_refused(entry: SigningKey, hello: HelloRecord, device_id: int) -> None:
    fields = hello.relay_key, hello.hash, bytes(32), b"alice", u32(device_id)
    with pytest.raises(MalformedError):
        AuthRecord.parse(entry.sign_record("auth", *fields))
