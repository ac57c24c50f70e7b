"""The two people of the vectors: their records, and prekeys as docs/spec/identity.md and prekeys.md have them."""

from dataclasses import dataclass

from tests.vectors.spec import H, ed25519_public, fixed, kem_public, record, x25519_public

NOW = 1_750_000_000
"""Unix seconds: every clock, every epoch and the start of every prekey."""
LIFETIME = 5_184_000
SUITE = (1).to_bytes(2)
DEVICE_ID = (1).to_bytes(4)
EPOCH = NOW.to_bytes(8)


def identity_record(
    account: bytes,
    name: bytes,
    *,
    suite: bytes = SUITE,
    reserved: bytes = bytes(32),
    key: bytes | None = None,
) -> bytes:
    return record(account, "id", suite, name, key or ed25519_public(account), reserved)


def device_record(
    account: bytes, identity: bytes, key: bytes, *, device_id: bytes = DEVICE_ID, epoch: bytes = EPOCH
) -> bytes:
    return record(account, "device", H("identity", identity), device_id, epoch, key)


@dataclass(frozen=True)
class Prekey:
    """A prekey's secrets and where its record says it belongs."""

    kind: int
    prekey_id: int
    secret: bytes
    seed: bytes

    @property
    def dh(self) -> bytes:
        return x25519_public(self.secret)

    @property
    def ek(self) -> bytes:
        return kem_public(self.seed)

    def record(self, account: bytes, certificate: bytes, **changed: bytes) -> bytes:
        """The record of a prekey of the device with that certificate, with some fields changed."""
        fields = {
            "kind": bytes([self.kind]),
            "suite": SUITE,
            "device": H("certificate", certificate),
            "id": self.prekey_id.to_bytes(4),
            "epoch": EPOCH,
            "not_before": EPOCH,
            "not_after": (NOW + LIFETIME).to_bytes(8),
            "dh": self.dh,
            "ek": self.ek,
        } | changed
        return record(account, "prekey", *fields.values())


class Person:
    """An account with one device, a signed prekey of id 1 and a one-time prekey of id 2."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.account, self.device_secret = fixed(f"{name} account"), fixed(f"{name} device")
        self.identity = identity_record(self.account, name.encode())
        self.device = device_record(self.account, self.identity, x25519_public(self.device_secret))
        self.signed, self.one_time = (
            Prekey(kind, kind, fixed(f"{name} {what} dh"), fixed(f"{name} {what} kem", 64))
            for kind, what in ((1, "signed"), (2, "one-time"))
        )
        self.signed_record = self.signed.record(self.account, self.device)
        self.one_time_record = self.one_time.record(self.account, self.device)

    @property
    def device_key(self) -> bytes:
        return x25519_public(self.device_secret)

    def secrets(self) -> dict[str, str]:
        """What a reader needs to be this person."""
        return {
            "name": self.name,
            "account_seed": self.account.hex(),
            "device_secret": self.device_secret.hex(),
            "identity": self.identity.hex(),
            "device": self.device.hex(),
            "signed_secret": self.signed.secret.hex(),
            "signed_seed": self.signed.seed.hex(),
            "signed_prekey": self.signed_record.hex(),
            "one_time_secret": self.one_time.secret.hex(),
            "one_time_seed": self.one_time.seed.hex(),
            "one_time_prekey": self.one_time_record.hex(),
        }


ALICE, BOB = Person("alice"), Person("bob")
