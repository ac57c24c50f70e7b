import hashlib
import traceback
import unicodedata

import nacl.bindings
import nacl.exceptions
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from e2echat.crypto.primitives import H, SystemRandomness, argon2id
from e2echat.errors import InvalidPassphraseError, StorageError, WrongPassphraseError
from e2echat.store import passphrase as passphrases
from e2echat.store.passphrase import CEILING, DEFAULT, FLOOR, Cost
from e2echat.store.vault import (
    VaultContents,
    needs_passphrase,
    open_vault,
    seal_vault,
)
from e2echat.wire.records import pack, u32

PASSPHRASE = "correct horse"


@pytest.fixture
def contents(randomness: SystemRandomness) -> VaultContents:
    return VaultContents.generate(randomness)


@pytest.fixture
def constant_argon2id(monkeypatch: pytest.MonkeyPatch) -> list[Cost]:
    """Argon2id gives way to a hash of the passphrase alone; the costs that were asked for are returned."""
    asked: list[Cost] = []

    def stand_in(passphrase: bytes, salt: bytes, passes: int, memory_kib: int) -> bytes:
        asked.append(Cost(passes, memory_kib))
        return hashlib.blake2b(passphrase, digest_size=32).digest()

    monkeypatch.setattr(passphrases, "argon2id", stand_in)
    return asked


def flipped(data: bytes) -> list[bytes]:
    return [data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :] for i in range(len(data))]


def test_argon2id_is_the_one_that_others_compute() -> None:
    other = Argon2id(salt=bytes(range(16)), length=32, iterations=2, lanes=1, memory_cost=64).derive(b"pass")
    assert argon2id(b"pass", bytes(range(16)), 2, 64) == other


def test_too_little_memory_is_said(
    monkeypatch: pytest.MonkeyPatch, contents: VaultContents, randomness: SystemRandomness
) -> None:
    def fail(*_: object) -> bytes:
        raise nacl.exceptions.RuntimeError

    monkeypatch.setattr(nacl.bindings, "crypto_pwhash_alg", fail)
    with pytest.raises(StorageError):
        seal_vault(contents, PASSPHRASE, randomness, FLOOR)


def test_the_right_passphrase_opens(contents: VaultContents, randomness: SystemRandomness) -> None:
    raw = seal_vault(contents, PASSPHRASE, randomness, FLOOR)
    assert needs_passphrase(raw)
    assert open_vault(raw, PASSPHRASE) == contents
    assert contents.account_seed not in raw
    assert contents.database_key not in raw


def test_no_passphrase(contents: VaultContents, randomness: SystemRandomness) -> None:
    raw = seal_vault(contents, None, randomness)
    assert not needs_passphrase(raw)
    assert open_vault(raw, None) == open_vault(raw, "not looked at") == contents


@pytest.mark.parametrize("wrong", ["", "Correct horse", "correct horse ", None, "\ud800", "x" * 1025])
def test_a_wrong_or_missing_passphrase(
    contents: VaultContents, randomness: SystemRandomness, constant_argon2id: list[Cost], wrong: str | None
) -> None:
    raw = seal_vault(contents, PASSPHRASE, randomness)
    with pytest.raises(WrongPassphraseError):
        open_vault(raw, wrong)


def test_a_passphrase_is_the_same_however_it_is_composed(
    contents: VaultContents, randomness: SystemRandomness, constant_argon2id: list[Cost]
) -> None:
    passphrase = "grüße ﬁ ①"
    raw = seal_vault(contents, unicodedata.normalize("NFC", passphrase), randomness)
    assert open_vault(raw, unicodedata.normalize("NFD", passphrase)) == contents
    assert open_vault(raw, unicodedata.normalize("NFKC", passphrase)) == contents


@pytest.mark.parametrize("passphrase", ["", "x" * 1025, "ü" * 513, "lone \ud800 surrogate"])
def test_what_is_no_passphrase_seals_nothing(
    contents: VaultContents, randomness: SystemRandomness, constant_argon2id: list[Cost], passphrase: str
) -> None:
    with pytest.raises(InvalidPassphraseError):
        seal_vault(contents, passphrase, randomness)
    assert not constant_argon2id


def test_two_vaults_of_the_same_have_nothing_in_common(
    contents: VaultContents, randomness: SystemRandomness, constant_argon2id: list[Cost]
) -> None:
    one, other = (seal_vault(contents, PASSPHRASE, randomness) for _ in range(2))
    header = len(pack("vault-sealed", u32(0), u32(0)))
    assert one[:header] == other[:header]
    assert one[header + 4 : header + 20] != other[header + 4 : header + 20]
    assert one[-64:] != other[-64:]


def test_the_default_is_what_people_get(
    contents: VaultContents, randomness: SystemRandomness, constant_argon2id: list[Cost]
) -> None:
    open_vault(seal_vault(contents, PASSPHRASE, randomness), PASSPHRASE)
    assert constant_argon2id == [DEFAULT, DEFAULT]


@pytest.mark.parametrize(
    "cost",
    [
        Cost(FLOOR.passes - 1, FLOOR.memory_kib),
        Cost(FLOOR.passes, FLOOR.memory_kib - 1),
        Cost(CEILING.passes + 1, CEILING.memory_kib),
        Cost(CEILING.passes, CEILING.memory_kib + 1),
    ],
)
def test_a_cost_out_of_bounds_is_never_paid(
    contents: VaultContents, randomness: SystemRandomness, constant_argon2id: list[Cost], cost: Cost
) -> None:
    with pytest.raises(ValueError, match="cost"):
        seal_vault(contents, PASSPHRASE, randomness, cost)
    raw = seal_vault(contents, PASSPHRASE, randomness, FLOOR)
    old, new = (pack("vault-sealed", u32(c.passes), u32(c.memory_kib)) for c in (FLOOR, cost))
    assert raw.startswith(old)
    constant_argon2id.clear()
    with pytest.raises(StorageError):
        open_vault(new + raw[len(old) :], PASSPHRASE)
    assert not constant_argon2id


def test_every_altered_bit_of_a_sealed_vault_is_noticed(
    contents: VaultContents, randomness: SystemRandomness, constant_argon2id: list[Cost]
) -> None:
    # The stand-in gives the same key whatever the header says: what notices is the binding of the header.
    raw = seal_vault(contents, PASSPHRASE, randomness, Cost(4, 64 * 1024))
    for altered in flipped(raw):
        with pytest.raises((StorageError, WrongPassphraseError)):
            open_vault(altered, PASSPHRASE)
    assert all(cost.allowed for cost in constant_argon2id)
    assert any(cost.passes == 5 for cost in constant_argon2id)


def test_every_altered_bit_of_an_open_vault_is_noticed(
    contents: VaultContents, randomness: SystemRandomness
) -> None:
    for altered in flipped(seal_vault(contents, None, randomness)):
        with pytest.raises(StorageError):
            open_vault(altered, None)


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_cut_lengthened_or_garbage(
    contents: VaultContents,
    randomness: SystemRandomness,
    constant_argon2id: list[Cost],
    passphrase: str | None,
) -> None:
    raw = seal_vault(contents, passphrase, randomness)
    constant_argon2id.clear()
    for broken in (*(raw[:end] for end in range(len(raw))), raw + b"\0", b"\xff" * 200, raw[4:]):
        with pytest.raises(StorageError):
            open_vault(broken, passphrase)
    assert not constant_argon2id


def test_fields_of_a_wrong_length(contents: VaultContents, constant_argon2id: list[Cost]) -> None:
    secrets = contents.account_seed + contents.database_key
    broken = [
        pack("vault-clear", secrets[1:], H("vault-check", secrets[1:])),
        pack("vault-clear", secrets + b"\0", H("vault-check", secrets + b"\0")),
        pack("vault-sealed", u32(2), u32(19 * 1024), bytes(15), bytes(104)),
        pack("vault-sealed", u32(2), u32(19 * 1024), bytes(16), bytes(103)),
        pack("vault-sealed", b"\0" + u32(2), u32(19 * 1024), bytes(16), bytes(104)),
    ]
    for raw in broken:
        with pytest.raises(StorageError):
            open_vault(raw, PASSPHRASE)
    assert not constant_argon2id


def test_contents_have_two_secrets_of_32_bytes() -> None:
    for seed, key in ((31, 32), (32, 33)):
        with pytest.raises(ValueError, match="32"):
            VaultContents(bytes(seed), bytes(key))


def test_secrets_show_nowhere(
    contents: VaultContents, randomness: SystemRandomness, constant_argon2id: list[Cost]
) -> None:
    assert repr(contents) == "VaultContents()"
    raw = seal_vault(contents, PASSPHRASE, randomness)
    for passphrase in ("planted \ud800", "planted wrong"):
        with pytest.raises(WrongPassphraseError) as caught:
            open_vault(raw, passphrase)
        assert "planted" not in "".join(traceback.format_exception(caught.value))
