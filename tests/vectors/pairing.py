"""Vectors of pairing: edwards25519 with Python's integers, after RFC 8032, section 5.1, and SPAKE2 after docs/spec/pairing.md."""

import base64
import zlib
from collections.abc import Iterator
from typing import TypeAlias

from tests.vectors.people import ALICE, BOB, Person
from tests.vectors.spec import PRIME, Cbor, H, K, box, ed25519_public, fixed, hkdf, lp, pad
from tests.vectors.talk import CAPABILITY

Point: TypeAlias = tuple[int, int]
Vector: TypeAlias = dict[str, Cbor]

ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
RELAY_KEY = ed25519_public(fixed("relay"))
ADDRESS = f"relay://{base64.b32encode(RELAY_KEY).decode().rstrip('=').lower()}@relay.example:7443"
MAILBOX = fixed("mailbox", 16)
M = bytes.fromhex("d048032c6ea0b6d697ddc2e86bda85a33adac920f1bf18e1b0c6d166a5cecdaf")
N = bytes.fromhex("d3bfb518f44f3430f29d0c92af503865a1ed3281dc69b35dd868ba85f886c4ab")


def _decode(raw: bytes) -> Point:
    number = int.from_bytes(raw, "little")
    y, odd = number & (1 << 255) - 1, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    assert (x * x - square) % PRIME == 0
    return (PRIME - x if x & 1 != odd else x), y


def _encode(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def _add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % PRIME
    x = (x1 * y2 + y1 * x2) * pow(1 + product, -1, PRIME) % PRIME
    return x, (y1 * y2 + x1 * x2) * pow(1 - product, -1, PRIME) % PRIME


def _times(scalar: int, point: Point) -> Point:
    result, rest = (0, 1), scalar
    while rest:
        if rest & 1:
            result = _add(result, point)
        point, rest = _add(point, point), rest >> 1
    return result


def _minus(point: Point) -> Point:
    return PRIME - point[0], point[1]


G = _decode((4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little"))


def _scalar(octets: bytes) -> int:
    return int.from_bytes(octets, "little") % ORDER


def _card(person: Person) -> bytes:
    return pad(lp(person.identity, person.device, ADDRESS.encode(), MAILBOX, CAPABILITY), 832)


def pairing() -> Iterator[Vector]:
    nameplate, words = "4821", "guitar-otter"
    place = lp(RELAY_KEY, nameplate.encode())
    w = _scalar(hkdf(place + lp(words.encode()), "pair-code", length=64))
    x, y = (_scalar(fixed(f"pairing {which}", 64)) for which in "xy")
    offer = _encode(_add(_times(x, G), _times(w, _decode(M))))
    reply = _encode(_add(_times(y, G), _times(w, _decode(N))))
    z = _encode(_times(x * y % ORDER, G))
    assert z == _encode(_times(x, _add(_decode(reply), _minus(_times(w, _decode(N))))))
    keys = hkdf(z + w.to_bytes(32, "little"), "pair", place, offer, reply, length=64)
    join = reply + box(keys[32:], _card(BOB), fixed("join nonce", 24))
    answer = box(K(keys[:32], "pair-answer", join), _card(ALICE), fixed("answer nonce", 24))
    refusal = box(K(keys[:32], "pair-answer", join), b"\x80" + bytes(831), fixed("answer nonce", 24))
    yield {
        "function": "pairing",
        "relay_key": RELAY_KEY,
        "text": f"{nameplate}-{words}",
        "random_x": fixed("pairing x", 64),
        "random_y": fixed("pairing y", 64),
        "w": w.to_bytes(32, "little"),
        "Z": z,
        "kA": keys[:32],
        "kB": keys[32:],
        "address": ADDRESS,
        "mailbox": MAILBOX,
        "capability": CAPABILITY,
        "inviter_identity": ALICE.identity,
        "inviter_device": ALICE.device,
        "joiner_identity": BOB.identity,
        "joiner_device": BOB.device,
        "join_nonce": fixed("join nonce", 24),
        "answer_nonce": fixed("answer nonce", 24),
        "offer": offer,
        "join": join,
        "answer": answer,
        "refusal": refusal,
    }
    secret = fixed("invitation", 16)
    yield {
        "function": "invitation proof",
        "secret": secret,
        "joiner_identity": BOB.identity,
        "joiner_device": BOB.device,
        "inviter_identity": ALICE.identity,
        "out": K(secret, "invite", BOB.identity, BOB.device, ALICE.identity),
    }
    fingerprint = H("fingerprint", ALICE.identity)
    host = b"relay.example"
    head = b"\x01" + RELAY_KEY + (7443).to_bytes(2) + bytes([len(host)]) + host + b"\x05alice"
    body = head + fingerprint + CAPABILITY + secret
    raw = body + zlib.crc32(body).to_bytes(4)
    yield {
        "function": "link",
        "address": ADDRESS,
        "name": "alice",
        "fingerprint": fingerprint,
        "capability": CAPABILITY,
        "secret": secret,
        "text": "e2echat:" + base64.b32encode(raw).decode().rstrip("=").lower(),
    }
