"""A handshake and the ratchet after it, both sides at once, as docs/spec/handshake.md and ratchet.md have them."""

import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey

from tests.vectors.people import ALICE, BOB, NOW, Person
from tests.vectors.spec import (
    H,
    K,
    box,
    careless,
    envelope_size,
    fixed,
    hkdf,
    kem_decapsulate,
    kem_public,
    lp,
    pad,
    x25519,
    x25519_public,
)

RECORDED = Path(__file__).with_name("kem.json")
ADDRESS = f"relay://{'a' * 52}@relay.example:7443"
MAILBOX = fixed("alice mailbox", 16)
CAPABILITY = fixed("alice capability")
AUTHENTICATORS = (fixed("newest authenticator"), fixed("older authenticator"))
GENERATION = NOW
NOTHING, OFFER, ANSWER = 0, 1, 2
FIRST_FLOOR, FLOOR = 4608, 2048
PREAMBLE_SIZE = 2033


class Kem:
    """Encapsulations. Their randomness cannot be chosen, so each is made once and read from ``kem.json`` after."""

    def __init__(self) -> None:
        known = json.loads(RECORDED.read_text())["vectors"] if RECORDED.exists() else []
        self._known = {each["name"]: each for each in known}
        self.used: dict[str, dict[str, str]] = {}

    def encapsulate(self, name: str, seed: bytes) -> tuple[bytes, bytes]:
        """Secret and ciphertext: the recorded ones, if they are of this key."""
        ek, found = kem_public(seed), self._known.get(name)
        if found and found["ek"] == ek.hex():
            secret, ciphertext = bytes.fromhex(found["secret"]), bytes.fromhex(found["ct"])
        else:
            secret, ciphertext = MLKEM768PublicKey.from_public_bytes(ek).encapsulate()
        assert kem_decapsulate(seed, ciphertext) == secret
        values = {"seed": seed, "ek": ek, "ct": ciphertext, "secret": secret}
        texts = {"name": name} | {key: value.hex() for key, value in values.items()}
        self._known[name] = self.used[name] = texts
        return secret, ciphertext


def introduction(**changed: bytes) -> bytes:
    fields = {
        "identity": ALICE.identity,
        "device": ALICE.device,
        "generation": GENERATION.to_bytes(8),
        "continuity": bytes(64),
        "address": ADDRESS.encode(),
        "mailbox": MAILBOX,
        "capability": CAPABILITY,
    } | changed
    return pad(lp(*fields.values()), 864)


class Handshake:
    """From Alice to Bob. ``values`` has every intermediate value by the specification's letter."""

    def __init__(
        self,
        name: str,
        kem: Kem,
        *,
        one_time: bool = True,
        bob: Person = BOB,
        ephemeral: bytes | None = None,
        opened: bytes | None = None,
    ) -> None:
        """``ephemeral`` and ``opened``: an E that must be refused, another content of the sealed box."""
        secret = fixed(f"{name} ephemeral")
        prekey = bob.one_time if one_time else bob.signed
        self.one_time = one_time
        self.ephemeral = ephemeral or x25519_public(secret)
        ss, self.ct = kem.encapsulate(name, prekey.seed)
        one_time_record = bob.one_time_record if one_time else b""
        versions = (1).to_bytes(2) + (1).to_bytes(2)
        self.h0 = H(
            "h0",
            versions,
            bob.identity,
            bob.device,
            bob.signed_record,
            one_time_record,
            self.ephemeral,
            self.ct,
        )
        theirs = (bob.device_key, bob.signed.dh, bob.one_time.dh)
        dh1 = x25519(ALICE.device_secret, bob.signed.dh)
        dh2, dh3, dh4 = (
            careless(ephemeral, public) if ephemeral else x25519(secret, public) for public in theirs
        )
        dh4 = dh4 if one_time else bytes(32)
        kseal = hkdf(dh3 + dh4 + ss, "seal", self.h0, length=32)
        proofs = [K(ca, "continuity", self.h0, ALICE.identity) for ca in AUTHENTICATORS]
        content = opened or introduction(continuity=b"".join(proofs))
        nonce = fixed(f"{name} seal nonce", 24)
        self.sealed = box(kseal, content, nonce)
        self.th = H("th", self.h0, ALICE.identity, ALICE.device, H("sealed", self.sealed))
        keys = hkdf(dh1 + dh2 + dh3 + dh4 + ss, "root", self.th, length=160)
        self.sk, self.hka, self.nhkb, self.sid, self.ca = (keys[i : i + 32] for i in range(0, 160, 32))
        self.preamble = self.preamble_of(flag=int(one_time), one_time_id=2 if one_time else 0)
        self.values = {
            "e": secret,
            "E": self.ephemeral,
            "ct": self.ct,
            "SS": ss,
            "h0": self.h0,
            "DH1": dh1,
            "DH2": dh2,
            "DH3": dh3,
            "DH4": dh4,
            "Kseal": kseal,
            "introduction": content,
            "seal_nonce": nonce,
            "sealed": self.sealed,
            "th": self.th,
            "SK": self.sk,
            "HKa": self.hka,
            "NHKb": self.nhkb,
            "sid": self.sid,
            "CA": self.ca,
            "preamble": self.preamble,
            "init": H("init", self.ephemeral, self.ct),
        }

    def preamble_of(
        self,
        *,
        signed_id: int = 1,
        flag: int,
        one_time_id: int,
        ct: bytes | None = None,
        sealed: bytes | None = None,
    ) -> bytes:
        ids = signed_id.to_bytes(4) + bytes([flag]) + one_time_id.to_bytes(4)
        return ids + self.ephemeral + (ct or self.ct) + (sealed or self.sealed)


@dataclass
class Chain:
    """One chain: what its headers say, and the key of its next message."""

    number: int
    header_key: bytes
    dh: bytes
    previous: int
    flag: int
    slot: bytes
    key: bytes
    next: int = 0

    def header(self, number: int) -> bytes:
        numbers = self.number.to_bytes(4) + self.previous.to_bytes(4) + number.to_bytes(4)
        return self.dh + numbers + bytes([self.flag]) + self.slot


class Ratchet:
    """Both sides of a session, which know the same: chains are begun in turn, messages sent on any of them."""

    def __init__(self, began: Handshake, bob: Person = BOB) -> None:
        self.began = began
        self.key, self.ca = began.sk, began.ca
        self.header_keys = {0: began.hka, 1: began.nhkb}
        self.secret = bob.signed.secret
        self.chains: dict[int, Chain] = {}

    def begin(
        self,
        number: int,
        *,
        previous: int = 0,
        offer: bytes = b"",
        answer: tuple[bytes, bytes, bytes] | None = None,
        dh: bytes | None = None,
        flag: int | None = None,
        slot: bytes | None = None,
        said: int | None = None,
    ) -> dict[str, bytes | int]:
        """Begin a chain; what is returned names every value of its root step.

        Args:
            number: whose turn it is: chain ``number`` follows ``number - 1``.
            previous: pn.
            offer: the seed of the ek to offer.
            answer: the ek answered, SS and ct.
            dh: a public key that must be refused, to send in place of the fresh one.
            flag: what to say of the slot.
            slot: what to put there.
            said: the number to say.
        """
        secret = fixed(f"chain {number} dh")
        public = dh or x25519_public(secret)
        theirs = x25519_public(self.secret)
        shared = careless(dh, theirs) if dh else x25519(secret, theirs)
        ek, ss, ct = answer or (b"", b"", b"")
        content = kem_public(offer) if offer else ct
        says = number if said is None else said
        fields = [self.began.sid, says.to_bytes(4), H("kem", public, ek, ct)]
        before = self.key
        if answer:
            fields.append(H("ca", self.ca))
        keys = hkdf(shared + ss, "rk", *fields, length=128 if answer else 96, salt=self.key)
        self.key, chain_key, next_header_key = keys[:32], keys[32:64], keys[64:96]
        self.ca = keys[96:] or self.ca
        self.secret = secret
        self.header_keys[number + 2] = next_header_key
        meant = OFFER if offer else ANSWER if answer else NOTHING
        self.chains[number] = Chain(
            says,
            self.header_keys[number],
            public,
            previous,
            meant if flag is None else flag,
            (content if slot is None else slot).ljust(1184, b"\0"),
            chain_key,
        )
        return {
            "chain": number,
            "dh_secret": secret,
            "dh": public,
            "pn": previous,
            "DH": shared,
            "kem_seed": offer,
            "offered_ek": kem_public(offer) if offer else b"",
            "answered_ek": ek,
            "SS": ss,
            "ct": ct,
            "RK_before": before,
            "RK": self.key,
            "CK": chain_key,
            "NHK": next_header_key,
            "CA": self.ca,
            "header_key": self.header_keys[number],
        }

    def message(
        self,
        number: int,
        plaintext: bytes,
        *,
        initial: bool = False,
        skip: int = 0,
        padded: bytes | None = None,
        tweak: bytes | None = None,
        previous: int | None = None,
    ) -> dict[str, bytes | int]:
        """The next message of chain ``number``; what is returned names every value of it.

        Args:
            number: the chain.
            plaintext: what is in it.
            initial: with the preamble in front.
            skip: messages that the chain leaves out before this one.
            padded: what to encrypt in place of the padded plaintext.
            tweak: the header to encrypt.
            previous: a pn to say in this header only.
        """
        chain = self.chains[number]
        if previous is not None:
            chain.previous, kept = previous, chain.previous
            header = chain.header(chain.next + skip)
            chain.previous = kept
        else:
            header = tweak or chain.header(chain.next + skip)
        for _ in range(skip):
            chain.key = K(chain.key, "chain", n=64)[:32]
        name = f"chain {number} message {chain.next + skip}"
        before, keys = chain.key, K(chain.key, "chain", n=64)
        chain.key, message_key = keys[:32], keys[32:]
        header_nonce, nonce = fixed(f"{name} header nonce", 24), fixed(f"{name} body nonce", 24)
        hbox = box(chain.header_key, header, header_nonce)
        body_key = K(message_key, "body", self.began.sid, self.began.th, hbox)
        head = bytes([1, 1]) + self.began.preamble if initial else bytes([1, 2])
        around = len(head) + len(hbox) + 40
        size = envelope_size(around, len(plaintext), FIRST_FLOOR if initial else FLOOR)
        filled = pad(plaintext, size - around) if padded is None else padded
        body = box(body_key, filled, nonce)
        chain.next += skip + 1
        return {
            "chain": number,
            "n": chain.next - 1,
            "plaintext": plaintext,
            "CK_before": before,
            "CK": chain.key,
            "mk": message_key,
            "header": header,
            "header_nonce": header_nonce,
            "hbox": hbox,
            "bk": body_key,
            "padded": filled,
            "body_nonce": nonce,
            "body": body,
            "envelope": head + hbox + body,
        }
