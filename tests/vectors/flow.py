"""The vectors of the handshake and of a conversation over it."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from tests.vectors.people import NOW
from tests.vectors.spec import fixed
from tests.vectors.talk import (
    ADDRESS,
    AUTHENTICATORS,
    CAPABILITY,
    GENERATION,
    MAILBOX,
    Handshake,
    Kem,
    Ratchet,
)

Vector: TypeAlias = dict[str, Any]
WITH, WITHOUT = "handshake with a one-time prekey", "handshake without a one-time prekey"
STEP = "step in chain 2"
OFFER_SEED = fixed("offer in chain 1", 64)

ALICE_SAYS, BOB_SAYS = "alice", "bob"
SENT = [
    (0, b"first", True),
    (0, b"second", True),
    (1, b"third", False),
    (1, b"fourth", False),
    (2, b"fifth", False),
    (2, b"sixth, which arrives last", False),
    (2, b"seventh, and long: " + b"m" * 1500, False),
    (3, b"eighth", False),
    (4, b"ninth", False),
]
"""Chain, plaintext, and whether the preamble goes with it."""
EVENTS = [
    *(("send", 0), ("receive", 0), ("send", 1), ("receive", 1)),
    *(("send", 2), ("receive", 2), ("send", 3), ("receive", 3)),
    *(("send", 4), ("receive", 4), ("send", 5), ("send", 6), ("receive", 6)),
    *(("send", 7), ("receive", 7), ("send", 8), ("receive", 8), ("receive", 5)),
]
"""What happens in which order, by index of the message."""


def handshakes(kem: Kem) -> Iterator[Vector]:
    for name, one_time in ((WITH, True), (WITHOUT, False)):
        began = Handshake(name, kem, one_time=one_time)
        ratchet = Ratchet(began)
        ratchet.begin(0)
        yield {
            "name": name,
            "now": NOW,
            "one_time": one_time,
            "generation": GENERATION,
            "authenticators": list(AUTHENTICATORS),
            "reply_address": ADDRESS,
            "reply_mailbox": MAILBOX,
            "reply_capability": CAPABILITY,
            **began.values,
            "first_plaintext": b"first",
            "first_envelope": ratchet.message(0, b"first", initial=True)["envelope"],
        }


def begin_chain(ratchet: Ratchet, number: int, kem: Kem) -> Vector:
    """As this conversation does: Bob offers an ek in chain 1, Alice answers it in chain 2."""
    if number == 1:
        return ratchet.begin(1, offer=OFFER_SEED)
    if number == 2:
        secret, ciphertext = kem.encapsulate(STEP, OFFER_SEED)
        ek = bytes.fromhex(kem.used[STEP]["ek"])
        return ratchet.begin(2, previous=2, answer=(ek, secret, ciphertext))
    return ratchet.begin(number, previous={3: 2, 4: 3}.get(number, 0))


def until(kem: Kem, chain: int, message: int = 0) -> Ratchet:
    """The state of both when that message of that chain is the next thing to be sent."""
    ratchet = Ratchet(Handshake(WITH, kem))
    begun = -1
    for number, plaintext, initial in SENT:
        if number > begun:
            if number == chain and message == 0:
                break
            begin_chain(ratchet, number, kem)
            begun = number
        if number == chain and ratchet.chains[number].next == message:
            break
        ratchet.message(number, plaintext, initial=initial)
    return ratchet


def conversation(kem: Kem) -> Iterator[Vector]:
    """Three turns and a bit: a step of the ratchet each, one with a KEM step, one message that arrives late."""
    ratchet = Ratchet(Handshake(WITH, kem))
    chains: list[Vector] = []
    messages: list[Vector] = []
    for index, (number, plaintext, initial) in enumerate(SENT):
        if number == len(chains):
            chains.append(begin_chain(ratchet, number, kem))
        sender = BOB_SAYS if number % 2 else ALICE_SAYS
        messages.append(
            {"index": index, "from": sender} | ratchet.message(number, plaintext, initial=initial)
        )
    yield {
        "name": "a conversation",
        "handshake": WITH,
        "now": NOW,
        "chains": chains,
        "messages": messages,
        "events": [{"event": event, "message": message} for event, message in EVENTS],
    }
