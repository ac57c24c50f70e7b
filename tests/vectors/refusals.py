"""One vector for each thing that must be refused, labelled with the kind of error."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from tests.vectors.people import (
    ALICE,
    BOB,
    DEVICE_ID,
    EPOCH,
    LIFETIME,
    NOW,
    device_record,
    identity_record,
)
from tests.vectors.plain import CERTIFICATE, RELAY, SIGN_IN, payloads
from tests.vectors.spec import (
    HIGH_BIT,
    NOT_CANONICAL,
    SMALL_ORDER,
    H,
    cbor,
    ed25519_public,
    fixed,
    frame,
    lp,
    pad,
    record,
    sign,
)
from tests.vectors.talk import CAPABILITY, MAILBOX

Vector: TypeAlias = dict[str, Any]

MALLORY = fixed("mallory account")


def _case(parse: str, what: str, kind: str, **given: object) -> Vector:
    return {"parse": parse, "name": what, "kind": kind, **given}


def _flip(data: bytes, index: int) -> bytes:
    changed = bytearray(data)
    changed[index] ^= 1
    return bytes(changed)


def names() -> Iterator[Vector]:
    for text in ("", "a" * 33, ".a", "a.", "a b", "ä", "a/b", "\u212a"):
        yield _case("name", repr(text), "invalid name", text=text)
    pin, host = "a" * 52, "relay.example"
    for what, text in {
        "another scheme": f"http://{pin}@{host}:7443",
        "no pin": f"relay://{host}:7443",
        "a pin too short": f"relay://{pin[1:]}@{host}",
        "a pin with bits behind its end": f"relay://{pin[1:]}b@{host}",
        "port 0": f"relay://{pin}@{host}:0",
        "port 65536": f"relay://{pin}@{host}:65536",
        "no host": f"relay://{pin}@:7443",
        "brackets around a name": f"relay://{pin}@[{host}]:7443",
        "something behind it": f"relay://{pin}@{host}:7443/",
    }.items():
        yield _case("address", what, "invalid address", text=text)


def structures() -> Iterator[Vector]:
    for what, raw in {
        "nothing": b"",
        "a tag": b"\xc0\x00",
        "a bignum": b"\xc2\x49\x01" + bytes(8),
        "a float": b"\xf9\x3c\x00",
        "undefined": b"\xf7",
        "a simple value": b"\xe0",
        "an indefinite length": b"\x9f\xff",
        "a reserved length": b"\x1c",
        "containers 9 deep": b"\x81" * 9 + b"\x00",
        "a key given twice": b"\xa2\x61a\x00\x61a\x01",
        "keys out of order": b"\xa2\x61b\x00\x61a\x01",
        "a key that is no text": b"\xa1\x00\x00",
        "a key of 25 characters": b"\xa1\x78\x19" + b"k" * 25 + b"\x00",
        "a head longer than needed": b"\x18\x01",
        "text that is not UTF-8": b"\x61\xff",
        "cut short": b"\x42\x00",
        "a byte behind the end": b"\x00\x00",
        "an array that claims 2^64-1 items": b"\x9b" + b"\xff" * 8,
    }.items():
        yield _case("cbor", what, "malformed", bytes=raw)
    yield _case("cbor map", "no map", "malformed", bytes=b"\x80")
    for what, raw in {
        "a frame of 3 bytes": (3).to_bytes(4) + bytes(3),
        "a frame of 65537 bytes": (65_537).to_bytes(4),
        "a frame of 2^32-1 bytes": b"\xff" * 4,
    }.items():
        yield _case("frames", what, "malformed", bytes=raw)
    for parse, size in (("acknowledge", 8), ("accepted", 12), ("refused", 13)):
        for length in (size - 1, size + 1):
            yield _case(parse, f"a body of {length} bytes", "malformed", bytes=bytes(length))
    yield _case("submission", "an id without an envelope", "malformed", bytes=bytes(16))
    yield _case("unpad", "no mark", "malformed", bytes=bytes(8))
    yield _case("unpad", "something behind the mark", "malformed", bytes=pad(b"a", 8)[:-1] + b"\x01")
    yield _case("unpad", "nothing", "malformed", bytes=b"")
    yield _case("pad envelope", "more than the largest envelope holds", "text too long", size=60_129)


def primitives() -> Iterator[Vector]:
    secret, key = fixed("one"), fixed("key")
    for what, public in {
        "an X25519 key that is not below p": NOT_CANONICAL,
        "an X25519 key with its high bit": HIGH_BIT,
        "an X25519 key of small order": SMALL_ORDER,
        "an X25519 key of order 2": (1).to_bytes(32, "little"),
        "an X25519 key of 31 bytes": bytes(31),
    }.items():
        yield _case("X", what, "crypto", secret=secret, public=public)
    yield _case("ek", "an ek beyond its modulus", "crypto", bytes=b"\xff" * 1184)
    yield _case("ek", "an ek too short", "crypto", bytes=BOB.signed.ek[:-1])
    yield _case("ct", "a ct too short", "crypto", seed=BOB.signed.seed, bytes=bytes(1087))
    yield _case("box", "a box too short", "crypto", key=key, bytes=bytes(39))
    yield _case("box", "an altered box", "crypto", key=key, bytes=bytes(41))
    signed = sign(key, b"message")
    public, message, signature = ed25519_public(key), signed[:-64], signed[-64:]
    order = 2**252 + 27742317777372353535851937790883648493
    malleable = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    for what, values in {
        "another message": (public, b"messagE", signature),
        "another key": (ed25519_public(secret), message, signature),
        "an altered signature": (public, message, _flip(signature, 0)),
        "an S that is not canonical": (public, message, malleable),
        "a key of small order": ((1).to_bytes(32, "little"), message, (1).to_bytes(32, "little") + bytes(32)),
        "a signature of 63 bytes": (public, message, signature[:-1]),
    }.items():
        given = dict(zip(("public", "message", "signature"), values, strict=True))
        yield _case("signature", what, "crypto", **given)


def identities() -> Iterator[Vector]:
    key = ed25519_public(ALICE.account)
    suite, reserved = (1).to_bytes(2), bytes(32)
    for what, raw in {
        "another label": record(ALICE.account, "device", suite, b"alice", key, reserved),
        "a field too many": record(ALICE.account, "id", suite, b"alice", key, reserved, b""),
        "a field missing": record(ALICE.account, "id", suite, b"alice", key),
        "a field of another length": record(ALICE.account, "id", suite, b"alice", key, reserved[1:]),
        "cut short": ALICE.identity[:100],
        "a byte behind it": ALICE.identity + b"\0",
        "another suite": identity_record(ALICE.account, b"alice", suite=(2).to_bytes(2)),
        "a name in another spelling": identity_record(ALICE.account, b"Alice"),
        "a name of 33 bytes": identity_record(ALICE.account, b"a" * 33),
        "reserved bytes that are not zero": identity_record(
            ALICE.account, b"alice", reserved=reserved[1:] + b"\1"
        ),
    }.items():
        yield _case("identity", what, "malformed", bytes=raw)
    yield _case("identity", "an altered signature", "crypto", bytes=_flip(ALICE.identity, -1))
    yield _case(
        "identity",
        "another key's signature",
        "crypto",
        bytes=identity_record(MALLORY, b"alice", key=ed25519_public(ALICE.account)),
    )
    for what, kind, raw in (
        (
            "another identity's",
            "crypto",
            device_record(ALICE.account, BOB.identity, ALICE.device_key),
        ),
        (
            "another key's signature",
            "crypto",
            device_record(MALLORY, ALICE.identity, ALICE.device_key),
        ),
        (
            "a device id that is not 1",
            "malformed",
            device_record(ALICE.account, ALICE.identity, ALICE.device_key, device_id=(2).to_bytes(4)),
        ),
        (
            "a key that is not canonical",
            "crypto",
            device_record(ALICE.account, ALICE.identity, NOT_CANONICAL),
        ),
        (
            "a key with its high bit",
            "crypto",
            device_record(ALICE.account, ALICE.identity, HIGH_BIT),
        ),
    ):
        yield _case("device", what, kind, identity=ALICE.identity, bytes=raw)


def prekeys() -> Iterator[Vector]:
    def changed(**fields: bytes) -> bytes:
        return BOB.signed.record(BOB.account, BOB.device, **fields)

    later = (NOW + 1).to_bytes(8)
    for what, kind, raw in (
        ("a one-time prekey in its place", "malformed", BOB.one_time_record),
        ("kind 0", "malformed", changed(kind=b"\0")),
        ("another suite", "malformed", changed(suite=(2).to_bytes(2))),
        ("another device", "crypto", changed(device=H("certificate", ALICE.device))),
        ("another epoch than the device's", "crypto", changed(epoch=later)),
        ("another span of time", "malformed", changed(not_before=later)),
        ("a key that is not canonical", "crypto", changed(dh=NOT_CANONICAL)),
        ("an ek of another length", "malformed", changed(ek=BOB.signed.ek[1:])),
        ("another key's signature", "crypto", BOB.signed.record(MALLORY, BOB.device)),
        ("an altered ek", "crypto", _flip(BOB.signed_record, 300)),
    ):
        yield _case("signed prekey", what, kind, identity=BOB.identity, device=BOB.device, bytes=raw)
    yield _case(
        "one-time prekey",
        "a signed prekey in its place",
        "malformed",
        identity=BOB.identity,
        device=BOB.device,
        bytes=BOB.signed_record,
    )
    bundle: Vector = {
        "identity": BOB.identity,
        "device": BOB.device,
        "signed": BOB.signed_record,
        "one_time": BOB.one_time_record,
        "now": NOW,
    }
    ours: Vector = {"identity": ALICE.identity, "device": ALICE.device, "signed": ALICE.signed_record}
    broken: dict[str, Vector] = {
        "a prekey that has expired": {"now": NOW + LIFETIME + 1},
        "a prekey that is not valid yet": {"now": NOW - 86_401},
        "another's device": {"device": ALICE.device},
        "another's signed prekey": {"signed": ALICE.signed_record},
        "another's one-time prekey": {"one_time": ALICE.one_time_record},
        "kinds swapped": {"signed": BOB.one_time_record, "one_time": BOB.signed_record},
        "an altered identity": {"identity": _flip(BOB.identity, -1)},
    }
    for what, values in broken.items():
        yield _case("bundle", what, "handshake", **(bundle | values))
    beyond, small = changed(ek=b"\xff" * 1184), changed(dh=SMALL_ORDER)
    begun: dict[str, Vector] = {
        "one's own bundle": ours | {"one_time": None},
        "an ek beyond its modulus": {"signed": beyond, "one_time": None},
        "a prekey of small order": {"signed": small, "one_time": None},
    }
    for what, values in begun.items():
        yield _case("initiate", what, "handshake", **(bundle | values))


def relay() -> Iterator[Vector]:
    key, version = ed25519_public(RELAY), (1).to_bytes(2)
    sign_in = ed25519_public(SIGN_IN)

    def hello(seed: bytes = RELAY, relay_key: bytes = key) -> bytes:
        return record(seed, "hello", relay_key, fixed("hello nonce"), CERTIFICATE, version)

    mine = {"relay_key": key, "certificate_hash": CERTIFICATE}
    other = ed25519_public(MALLORY)
    for what, kind, values in (
        ("another relay", "wrong relay", mine | {"bytes": hello(MALLORY, other)}),
        ("another key's signature", "wrong relay", mine | {"bytes": hello(MALLORY)}),
        ("another certificate", "wrong relay", mine | {"bytes": hello(), "certificate_hash": bytes(32)}),
        ("another label", "malformed", mine | {"bytes": ALICE.identity}),
    ):
        yield _case("hello", what, kind, **values)

    def claim(
        seed: bytes = BOB.account, relay_key: bytes = key, name: bytes = b"bob", device: int = 1
    ) -> bytes:
        return record(seed, "claim", relay_key, name, device.to_bytes(4), EPOCH, sign_in)

    for what, raw in {
        "another relay": claim(relay_key=other),
        "another name": claim(name=b"alice"),
        "another device": claim(device=2),
        "another key's signature": claim(seed=MALLORY),
    }.items():
        yield _case("claim", what, "crypto", identity=BOB.identity, relay_key=key, bytes=raw)

    def auth(
        seed: bytes = SIGN_IN,
        relay_key: bytes = key,
        answered: bytes = hello(),
        name: bytes = b"bob",
        device: bytes = DEVICE_ID,
        label: str = "auth",
    ) -> bytes:
        fields = (relay_key, H("hello-hash", answered), fixed("client nonce"), name, device)
        return record(seed, label, *fields)

    given = {"key": sign_in, "hello": hello()} | mine
    elsewhere = record(RELAY, "hello", key, fixed("another nonce"), CERTIFICATE, version)
    for what, kind, raw in (
        ("another hello", "crypto", auth(answered=elsewhere)),
        ("another relay", "crypto", auth(relay_key=other)),
        ("another key's signature", "crypto", auth(seed=MALLORY)),
        ("another device", "malformed", auth(device=(2).to_bytes(4))),
        ("a name in another spelling", "malformed", auth(name=b"Bob")),
    ):
        yield _case("auth", what, kind, **given, bytes=raw)
    yield _case("auth", "a goodbye", "malformed", **given, bytes=auth(label="leave"))
    given |= {"key": ed25519_public(BOB.account)}
    for what, kind, raw in (
        ("another hello", "crypto", auth(BOB.account, answered=elsewhere, label="leave")),
        ("the key that signs in", "crypto", auth(label="leave")),
        ("an auth record", "malformed", auth(BOB.account)),
    ):
        yield _case("leave", what, kind, **given, bytes=raw)
    yield from _messages()


def _messages() -> Iterator[Vector]:
    good: Vector = {
        "kind": "open",
        "request": 1,
        "mailbox": MAILBOX,
        "capability": CAPABILITY,
        "repeat": False,
    }
    missing = {key: value for key, value in good.items() if key != "repeat"}
    publish: Vector = {"kind": "publish", "request": 1, "signed": None}
    messages: dict[str, Vector] = {
        "an unknown kind": good | {"kind": "opens"},
        "a kind that is a number": good | {"kind": 1},
        "a kind that is a list": good | {"kind": []},
        "a field missing": missing,
        "an unknown field": good | {"more": None},
        "a number above 2^32-1": good | {"request": 2**32},
        "a number below 0": good | {"request": -1},
        "a bool for a number": good | {"request": True},
        "a number for a bool": good | {"repeat": 0},
        "text for bytes": good | {"mailbox": "m" * 16},
        "a capability of 31 bytes": good | {"capability": CAPABILITY[1:]},
        "31 one-time prekeys": publish | {"one_time": [bytes(64)] * 31},
        "a record of 63 bytes": publish | {"one_time": [bytes(63)]},
        "a record of 2049 bytes": publish | {"one_time": [bytes(2049)]},
        "a name of 33 bytes": {"kind": "fetch", "request": 1, "name": "a" * 33, "prekeys": True},
    }
    for what, values in messages.items():
        yield _case("message", what, "malformed", bytes=frame(0, cbor(values))[8:])
    found = {each["values"]["kind"]: each["values"] for each in payloads() if each["function"] == "payload"}
    text, receipt, typing = found["text"], found["receipt"], found["typing"]
    for what, values in {
        "a kind that is a list": text | {"kind": []},
        "no kind": {key: value for key, value in text.items() if key != "kind"},
        "a field missing": {key: value for key, value in text.items() if key != "seq"},
        "a signal of a later version": receipt | {"kind": "wave"},
        "a field of a later version in a signal": typing | {"since": 1},
        "a typing that is a number": typing | {"active": 1},
        "an id of 15 bytes": text | {"id": bytes(15)},
        "a number above its bound": text | {"seq": 2**62},
        "a range above 2^63-1": receipt | {"delivered": [1, 2**63]},
        "a time above 2^53-1": text | {"sent_at": 2**53},
        "an odd range": receipt | {"delivered": [1, 2, 3]},
        "a range backward": receipt | {"read": [2, 1]},
        "65 ranges": receipt | {"delivered": [1, 1] * 65},
    }.items():
        yield _case("payload", what, "malformed", bytes=cbor(values))


def fields() -> Iterator[Vector]:
    for what, raw in {
        "a field missing": lp(b"a", b"b"),
        "a field too many": lp(b"a", b"b", b"c", b"d"),
        "a length cut short": lp(b"a", b"b") + bytes(3),
        "a field cut short": lp(b"a", b"b", b"cc")[:-1],
        "a length of 2^32-1": lp(b"a", b"b") + b"\xff" * 4,
    }.items():
        yield _case("three fields", what, "malformed", bytes=raw)


def all_plain() -> Iterator[Vector]:
    for each in (names, structures, fields, primitives, identities, prekeys, relay):
        yield from each()
