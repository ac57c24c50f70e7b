"""Envelopes that must be refused, as somebody who knows every key of the session could make them."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from tests.vectors.flow import OFFER_SEED, STEP, WITH, begin_chain, until
from tests.vectors.people import ALICE, BOB, device_record, identity_record
from tests.vectors.refusals import MALLORY
from tests.vectors.spec import HIGH_BIT, NOT_CANONICAL, SMALL_ORDER, fixed, kem_public, x25519_public
from tests.vectors.talk import ANSWER, NOTHING, OFFER, Handshake, Kem, Ratchet, introduction

Vector: TypeAlias = dict[str, Any]


def first_messages(kem: Kem) -> Iterator[Vector]:
    """To Bob, who has no session: kind "handshake" for whatever fails once the form is right."""
    began = Handshake(WITH, kem)

    def case(what: str, preamble: bytes, kind: str = "handshake", by: Handshake = began) -> Vector:
        ratchet = Ratchet(by)
        ratchet.begin(0)
        by.preamble, kept = preamble, by.preamble
        envelope = ratchet.message(0, b"first", initial=True)["envelope"]
        by.preamble = kept
        return {"parse": "first message", "name": what, "kind": kind, "envelope": envelope}

    def altered(index: int) -> bytes:
        raw = bytearray(began.preamble)
        raw[index] ^= 1
        return bytes(raw)

    yield case("a flag of 2", began.preamble_of(flag=2, one_time_id=2), "malformed")
    yield case("an id without a one-time prekey", began.preamble_of(flag=0, one_time_id=2), "malformed")
    yield case("a signed prekey that is gone", began.preamble_of(signed_id=9, flag=1, one_time_id=2))
    yield case("a one-time prekey that is gone", began.preamble_of(flag=1, one_time_id=9))
    yield case("the one-time prekey stripped", began.preamble_of(flag=0, one_time_id=0))
    yield case("an altered E", altered(9))
    yield case("an altered ct", altered(41))
    yield case("an altered seal", altered(-1))
    for what, ephemeral in (("not canonical", NOT_CANONICAL), ("of small order", SMALL_ORDER)):
        forged = Handshake(WITH, kem, ephemeral=ephemeral)
        yield case(f"an E that is {what}", forged.preamble, by=forged)
    mallory = identity_record(MALLORY, b"mallory")
    key = x25519_public(fixed("mallory device"))
    for what, content in {
        "another's device": introduction(device=device_record(MALLORY, mallory, key)),
        "an identity that does not verify": introduction(
            identity=identity_record(MALLORY, b"alice")[:-1] + b"\0"
        ),
        "a device key with its high bit": introduction(
            device=device_record(ALICE.account, ALICE.identity, HIGH_BIT)
        ),
        "a generation of 7 bytes": introduction(generation=bytes(7)),
        "continuity of 63 bytes": introduction(continuity=bytes(63)),
        "a mailbox of 15 bytes": introduction(mailbox=bytes(15)),
        "a capability of 31 bytes": introduction(capability=bytes(31)),
        "an address that is none": introduction(address=b"relay"),
        "an address in another spelling": introduction(
            address=f"relay://{'a' * 52}@Relay.example:7443".encode()
        ),
        "an address without its port": introduction(address=f"relay://{'a' * 52}@relay.example".encode()),
        "Bob's own records": introduction(identity=BOB.identity, device=BOB.device),
        "padding without its mark": bytes(864),
    }.items():
        forged = Handshake(WITH, kem, opened=content)
        yield case(f"an introduction with {what}", forged.preamble, by=forged)
    ratchet = Ratchet(began)
    ratchet.begin(0)
    good = bytes(_bytes(ratchet.message(0, b"first", initial=True)["envelope"]))
    yield from _outside(good, "first message", "malformed")
    for what, index in (("header", 2 + 2033 + 100), ("body", -1)):
        raw = bytearray(good)
        raw[index] ^= 1
        yield {
            "parse": "first message",
            "name": f"an altered {what}",
            "kind": "handshake",
            "envelope": bytes(raw),
        }
    ordinary = bytes([1, 2]) + good[2 + 2033 :]
    yield {
        "parse": "first message",
        "name": "an ordinary envelope",
        "kind": "malformed",
        "envelope": ordinary,
    }


def _bytes(value: bytes | int) -> bytes:
    assert isinstance(value, bytes)
    return value


def _outside(good: bytes, parse: str, kind: str, **given: object) -> Iterator[Vector]:
    for what, raw in {
        "another version": b"\x02" + good[1:],
        "another kind": good[:1] + b"\x03" + good[2:],
        "nothing": b"",
        "no body": good[: 2 + (2033 if good[1] == 1 else 0) + 1269 + 40],
    }.items():
        yield {"parse": parse, "name": what, "kind": kind, "envelope": raw, **given}
    yield {
        "parse": parse,
        "name": "an envelope of 61441 bytes",
        "kind": kind,
        "envelope": good,
        "then_zeros": 61_441 - len(good),
        **given,
    }


class _Session:
    """A state of the conversation in ``ratchet.json``, after so many of its events, and who receives."""

    def __init__(self, kem: Kem, events: int, who: str) -> None:
        self.kem, self.given = kem, {"parse": "envelope", "events": events, "to": who}

    def case(self, what: str, envelope: object) -> Vector:
        return {**self.given, "name": what, "kind": "decryption", "envelope": envelope}

    def chain(self, what: str, number: int, make: Callable[[Ratchet], object], skip: int = 0) -> Vector:
        """The first message of a chain that ``make`` begins."""
        ratchet = until(self.kem, number)
        make(ratchet)
        return self.case(what, ratchet.message(number, b"forged", skip=skip)["envelope"])


def envelopes(kem: Kem) -> Iterator[Vector]:
    """To somebody who has the session: all of one kind."""
    yield from _in_a_chain(_Session(kem, 4, "bob"), kem)
    yield from _second_chain(_Session(kem, 5, "alice"))
    yield from _third_chain(_Session(kem, 9, "bob"), kem)
    yield from _out_of_turn(_Session(kem, 10, "bob"), kem)


def _in_a_chain(bob: _Session, kem: Kem) -> Iterator[Vector]:
    """Bob has received messages 0 and 1 of chain 0."""
    first = until(kem, 0)
    begin_chain(first, 0, kem)
    yield bob.case("received before", first.message(0, b"first", initial=True)["envelope"])
    good = _bytes(until(kem, 0, 2).message(0, b"next")["envelope"])
    yield from _outside(good, kind="decryption", **bob.given)  # type: ignore[arg-type]
    for what, index in (("an altered header", 100), ("an altered body", -1)):
        raw = bytearray(good)
        raw[index] ^= 1
        yield bob.case(what, bytes(raw))
    yield bob.case("a header that says another pn", until(kem, 0, 2).message(0, b"", previous=1)["envelope"])
    yield bob.case("more than 1000 missing", until(kem, 0, 2).message(0, b"", skip=1001)["envelope"])
    for what, padded in (("without its mark", bytes(737)), ("with a 1 behind it", b"a\x80" + b"\1" * 735)):
        envelope = until(kem, 0, 2).message(0, b"", padded=padded)["envelope"]
        yield bob.case(f"padding {what}", envelope)
    other = until(kem, 0, 2)
    other.began.preamble = bytes(2033)
    yield bob.case("the preamble of another handshake", other.message(0, b"", initial=True)["envelope"])


def _second_chain(alice: _Session) -> Iterator[Vector]:
    """Alice has received nothing yet: chain 1 is new to her."""
    for what, changed in {
        "a chain that is not the next": {"said": 3},
        "a pn where there is no chain before": {"previous": 1},
        "a KEM slot of kind 3": {"flag": 3},
        "a KEM slot with something in it": {"flag": NOTHING, "slot": b"\0" * 1183 + b"\1"},
        "an ek that is no key": {"flag": OFFER, "slot": b"\xff" * 1184},
        "an answer to nothing": {"flag": ANSWER, "slot": bytes(1088)},
        "a dh that is not canonical": {"dh": NOT_CANONICAL},
        "a dh of small order": {"dh": SMALL_ORDER},
    }.items():
        yield alice.chain(what, 1, lambda ratchet, changed=changed: ratchet.begin(1, **changed))  # type: ignore[misc]
    yield alice.chain("more than 1000 missing", 1, lambda ratchet: ratchet.begin(1, offer=OFFER_SEED), 1001)


def _third_chain(bob: _Session, kem: Kem) -> Iterator[Vector]:
    """Bob has offered an ek in chain 1 and received two messages of chain 0."""
    secret, ciphertext = kem.encapsulate(STEP, OFFER_SEED)
    answer = (kem_public(OFFER_SEED), secret, ciphertext)
    yield bob.chain("no answer where one is owed", 2, lambda ratchet: ratchet.begin(2, previous=2))
    offer = fixed("an offer in place of an answer", 64)
    yield bob.chain(
        "an offer where an answer is owed", 2, lambda ratchet: ratchet.begin(2, previous=2, offer=offer)
    )
    for what, previous in (("below what was received", 1), ("that leaves more than 1000 missing", 1003)):
        yield bob.chain(
            f"a pn {what}",
            2,
            lambda ratchet, previous=previous: ratchet.begin(2, previous=previous, answer=answer),  # type: ignore[misc]
        )
    yield bob.chain(
        "a ct with something behind it",
        2,
        lambda ratchet: ratchet.begin(2, previous=2, answer=answer, slot=ciphertext.ljust(1184, b"\1")),
    )


def _out_of_turn(bob: _Session, kem: Kem) -> Iterator[Vector]:
    """Bob has received chain 2 and begun none since: nothing of Alice's can follow it."""
    ratchet = until(kem, 3)
    ratchet.header_keys[3] = ratchet.header_keys[4]
    ratchet.begin(3, previous=1)
    yield bob.case("a chain behind the peer's own", ratchet.message(3, b"forged")["envelope"])
    reflected = until(kem, 1)
    begin_chain(reflected, 1, kem)
    yield bob.case("one's own envelope", reflected.message(1, b"third")["envelope"])
