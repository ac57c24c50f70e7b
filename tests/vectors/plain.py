"""The vectors of everything but the handshake, the ratchet and the refusals."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from tests.vectors.people import ALICE, BOB, DEVICE_ID, EPOCH, NOW
from tests.vectors.spec import (
    Cbor,
    H,
    K,
    box,
    cbor,
    ed25519_public,
    envelope_size,
    fixed,
    frame,
    hkdf,
    lp,
    pack,
    pad,
    padme,
    record,
    sign,
    x25519,
    x25519_public,
)
from tests.vectors.talk import CAPABILITY, FIRST_FLOOR, FLOOR, MAILBOX

Vector: TypeAlias = dict[str, Any]

RELAY = fixed("relay key")
CERTIFICATE = fixed("relay certificate hash")
CHALLENGE = fixed("challenge", 16)
SIGN_IN = fixed("bob sign-in key")
TEXTS = [b"", b"a", b"message"]


def conventions() -> Iterator[Vector]:
    key, nonce = fixed("key"), fixed("nonce", 24)
    for fields in ([], [b""], [b"a"], [b"", b"a"], [b"a", b"bc"], [b"ab", b"c"]):
        common = {"label": "test", "fields": fields}
        yield common | {"function": "pack", "out": pack("test", *fields)}
        yield common | {"function": "H", "out": H("test", *fields)}
        for n in (32, 64):
            yield common | {"function": "K", "key": key, "n": n, "out": K(key, "test", *fields, n=n)}
    for salt, length in ((b"", 32), (key, 96), (key, 160)):
        out = hkdf(fixed("ikm"), "test", b"a", length=length, salt=salt)
        yield {
            "function": "HKDF",
            "ikm": fixed("ikm"),
            "label": "test",
            "fields": [b"a"],
            "salt": salt,
            "length": length,
            "out": out,
        }
    one, other = fixed("one"), fixed("other")
    yield {
        "function": "X",
        "secret": one,
        "public": x25519_public(other),
        "out": x25519(one, x25519_public(other)),
    }
    for text in TEXTS:
        yield {
            "function": "Box",
            "key": key,
            "nonce": nonce,
            "message": text,
            "out": box(key, text, nonce),
        }
        yield {
            "function": "Ed25519",
            "seed": key,
            "public": ed25519_public(key),
            "message": text,
            "out": sign(key, text)[-64:],
        }


def identities() -> Iterator[Vector]:
    for person in (ALICE, BOB):
        fingerprint = H("fingerprint", person.identity)
        digits = fingerprint.hex()
        yield {
            "function": "records",
            "name": person.name,
            "account_seed": person.account,
            "IKs": ed25519_public(person.account),
            "device_secret": person.device_secret,
            "IKd": person.device_key,
            "epoch": NOW,
            "identity": person.identity,
            "identity_hash": H("identity", person.identity),
            "device": person.device,
            "device_hash": H("certificate", person.device),
            "fingerprint": fingerprint,
            "fingerprint_groups": " ".join(digits[i : i + 4] for i in range(0, 64, 4)),
        }
    first, second = sorted((ALICE.identity, BOB.identity))
    number = f"{int.from_bytes(H('safety', first, second)) % 10**60:060}"
    yield {
        "function": "safety number",
        "identities": [ALICE.identity, BOB.identity],
        "number": number,
        "groups": " ".join(number[i : i + 5] for i in range(0, 60, 5)),
    }


def prekeys() -> Iterator[Vector]:
    for person in (ALICE, BOB):
        pairs = ((person.signed, person.signed_record), (person.one_time, person.one_time_record))
        for prekey, raw in pairs:
            yield {
                "owner": person.name,
                "kind_of_prekey": prekey.kind,
                "id": prekey.prekey_id,
                "not_before": NOW,
                "dh_secret": prekey.secret,
                "dh": prekey.dh,
                "kem_seed": prekey.seed,
                "ek": prekey.ek,
                "record": raw,
            }


def padding() -> Iterator[Vector]:
    for size in (0, 1, 2, 7, 8, 9, 100, 2048, 2049, 4608, 4609, 10_000, 49_999, 61_440):
        yield {"function": "PADMÉ", "in": size, "out": padme(size)}
    for floor, around in ((FLOOR, 1311), (FIRST_FLOOR, 3344)):
        for plaintext in (0, 600, 736, 737, 1000, 20_000, 56_000):
            out = envelope_size(around, plaintext, floor)
            yield {"function": "envelope size", "around": around, "plaintext": plaintext, "out": out}
    for text, size in ((b"", 1), (b"a", 2), (b"a", 8), (b"a\x80\0\0", 9), (bytes(3), 8)):
        yield {"function": "pad", "in": text, "size": size, "out": pad(text, size)}


def payloads() -> Iterator[Vector]:
    pair = sorted(lp(ed25519_public(RELAY), name) for name in (b"alice", b"bob"))
    conversation = H("conversation", *pair)[:16]
    yield {
        "function": "conversation",
        "accounts": [[ed25519_public(RELAY), "alice"], [ed25519_public(RELAY), "bob"]],
        "out": conversation,
    }
    numbered: Vector = {
        "id": fixed("message id", 16),
        "conversation": conversation,
        "seq": 1,
        "prev": bytes(32),
        "sent_at": NOW * 1000,
    }
    text: Vector = {"kind": "text", "text": "Grüße 🦊"} | numbered
    second: Vector = {"seq": 2, "prev": H("payload", cbor(text)), "kind": "route", "proof": None}
    address = f"relay://{'a' * 52}@relay.example:7443"
    route = numbered | second | {"address": address, "mailbox": MAILBOX, "capability": CAPABILITY}
    receipt: Vector = {
        "kind": "receipt",
        "conversation": conversation,
        "delivered": [1, 4, 6, 6],
        "read": [],
    }
    target: Vector = {"target": fixed("target", 16)}
    known: tuple[Vector, ...] = (
        text,
        text | {"reply": fixed("target", 16)},
        text | {"timer": 3600},
        text | {"reply": fixed("target", 16), "timer": 5},
        numbered | target | {"kind": "edit", "text": "Grüße, 🦊"},
        numbered | target | {"kind": "delete"},
        numbered | target | {"kind": "reaction", "text": "👍🏽"},
        numbered | target | {"kind": "reaction", "text": ""},
        numbered | {"kind": "timer", "timer": 604_800},
        numbered | {"kind": "timer", "timer": 0},
        route,
        route | {"proof": K(fixed("ca"), "reply", fixed("th"))},
        numbered | second | {"kind": "joined", "proof": K(fixed("invitation", 16), "invite")},
        receipt,
        {"kind": "typing", "conversation": conversation, "active": True},
    )
    for values in known:
        raw = cbor(values)
        yield {"function": "payload", "values": values, "out": raw, "hash": H("payload", raw)}
    reaction: Vector = numbered | target | {"kind": "reaction"}
    later: dict[str, Vector] = {
        "a kind of a later version": text | {"kind": "picture"},
        "a field of a later version": text | {"bold": True},
        "a text of 50001 bytes": text | {"text": "m" * 50_001},
        "a timer of 4 seconds": text | {"timer": 4},
        "a timer of a year and a day": numbered | {"kind": "timer", "timer": 367 * 86_400},
        "a timer written out for nothing": text | {"timer": 0},
        "a reply to nothing, written out": text | {"reply": None},
        "a reaction of two words": reaction | {"text": "well done"},
        "a reaction with an escape": reaction | {"text": "\x1b[2J"},
        "a reaction of 17 characters": reaction | {"text": "!" * 17},
    }
    for what, values in later.items():
        yield {"function": "unknown payload", "name": what, "out": cbor(values), "common": numbered}


def relay() -> Iterator[Vector]:
    key, sign_in = ed25519_public(RELAY), ed25519_public(SIGN_IN)
    hello = record(RELAY, "hello", key, fixed("hello nonce"), CERTIFICATE, (1).to_bytes(2))
    claim = record(BOB.account, "claim", key, b"bob", DEVICE_ID, EPOCH, sign_in)
    nonce = fixed("client nonce")
    auth = record(SIGN_IN, "auth", key, H("hello-hash", hello), nonce, b"bob", DEVICE_ID)
    yield {
        "function": "hello",
        "relay_seed": RELAY,
        "relay_key": key,
        "nonce": fixed("hello nonce"),
        "certificate_hash": CERTIFICATE,
        "record": hello,
        "hash": H("hello-hash", hello),
    }
    yield {
        "function": "claim",
        "account_seed": BOB.account,
        "identity": BOB.identity,
        "relay_key": key,
        "epoch": NOW,
        "key": sign_in,
        "record": claim,
    }
    yield {
        "function": "auth",
        "seed": SIGN_IN,
        "key": sign_in,
        "nonce": nonce,
        "hello": hello,
        "relay_key": key,
        "certificate_hash": CERTIFICATE,
        "record": auth,
    }
    leave = record(BOB.account, "leave", key, H("hello-hash", hello), nonce, b"bob", DEVICE_ID)
    yield {
        "function": "leave",
        "account_seed": BOB.account,
        "nonce": nonce,
        "hello": hello,
        "relay_key": key,
        "certificate_hash": CERTIFICATE,
        "record": leave,
    }
    capability_hash = H("capability", CAPABILITY)
    yield {"function": "capability", "capability": CAPABILITY, "out": capability_hash}
    for name, bits in (("bob", 0), ("bob", 12), ("a" * 32, 12)):
        start = {"hello_hash": H("hello-hash", hello), "challenge": CHALLENGE, "of": name.encode()}
        out = [
            number for number in range(2**16) if _begins_with_zeros(bits, *start.values(), number.to_bytes(8))
        ]
        yield {
            "function": "work",
            **start,
            "bits": bits,
            "solution": out[0].to_bytes(8),
            "next": out[1].to_bytes(8),
        }
    for message in _messages(hello, claim, auth, leave, capability_hash):
        yield {"function": "message", "values": message, "out": frame(0, cbor(message))}
    yield from _frames()


def _begins_with_zeros(bits: int, *fields: bytes) -> bool:
    return int.from_bytes(H("work", *fields)) >> (256 - bits) == 0


def _messages(
    hello: bytes, claim: bytes, auth: bytes, leave: bytes, capability_hash: bytes
) -> Iterator[dict[str, Cbor]]:
    prekeys: Mapping[str, Cbor] = {"signed": BOB.signed_record, "one_time": BOB.one_time_record}
    records: dict[str, Cbor] = {"identity": BOB.identity, "device": BOB.device}
    mailbox: dict[str, Cbor] = {"mailbox": MAILBOX}
    yield {"kind": "hello", "record": hello, "time": 1_772_884_800_000}
    yield {"kind": "claim", "request": 1, **records, "claim": claim, "capability_hash": capability_hash}
    yield {"kind": "authenticate", "request": 2, "record": auth}
    yield {"kind": "leave", "request": 2, "record": leave}
    yield {"kind": "welcome", "request": 2, **mailbox, "waiting": 0, "one_time_left": 100}
    yield {"kind": "publish", "request": 3, "signed": prekeys["signed"], "one_time": [prekeys["one_time"]]}
    yield {"kind": "publish", "request": 23, "signed": None, "one_time": []}
    yield {"kind": "stock", "one_time_left": 24, "short": True}
    yield {"kind": "puzzle", "request": 22, "name": "bob"}
    yield {"kind": "challenge", "request": 22, "challenge": CHALLENGE, "bits": 20}
    fetch: dict[str, Cbor] = {"kind": "fetch", "name": "bob", "prekeys": True}
    yield fetch | {"request": 24, "solution": bytes(7) + b"\x01"}
    yield fetch | {"request": 25, "capability": CAPABILITY}
    yield fetch | {"request": 255, "prekeys": False}
    yield {"kind": "bundle", "request": 24, **records, **prekeys, **mailbox, "knock": fixed("knock")}
    without: dict[str, Cbor] = {"signed": None, "one_time": None}
    yield {"kind": "bundle", "request": 255, **records, **without, **mailbox, "knock": None}
    yield {"kind": "open", "request": 256, **mailbox, "capability": CAPABILITY, "repeat": False}
    met: dict[str, Cbor] = {"nameplate": "4821", "inviter": True, "key": fixed("meeting", 16)}
    yield {"kind": "meet", "request": 7, **met, "said": [fixed("offer")], "leave": False}
    yield {"kind": "met", "request": 7, "heard": [fixed("join"), fixed("join", 64)]}
    yield {"kind": "opened", "request": 256, "channel": 2**32 - 1}
    yield {"kind": "done", "request": 65_536}
    yield {"kind": "refused", "request": 0, "reason": 6}


def _frames() -> Iterator[Vector]:
    channel, count = 0x1234_5678, 2**40 + 7
    envelope_id, envelope = fixed("envelope id", 16), b"envelope"
    four, eight = channel.to_bytes(4), count.to_bytes(8)
    common = {"function": "frame", "channel": channel, "count": count}
    yield common | {"frame": "acknowledge", "out": frame(1, eight)}
    yield common | {"frame": "accepted", "out": frame(2, four + eight)}
    yield common | {"frame": "refused", "reason": 7, "out": frame(3, four + eight + bytes([7]))}
    yield common | {"frame": "ping", "out": frame(4)}
    yield common | {"frame": "pong", "out": frame(5)}
    yield common | {
        "frame": "submission",
        "id": envelope_id,
        "envelope": envelope,
        "out": frame(channel, envelope_id + envelope),
    }
