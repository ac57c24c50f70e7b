"""What is missing, what is out of bounds, and what a peer may not say."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from e2echat.crypto.chains import (
    HBOX_SIZE as HBOX,
)
from e2echat.crypto.chains import (
    MAX_MISSING,
    MAX_RECEIVING_CHAINS,
    MAX_SKIPPED,
    SKIPPED_LIFETIME,
    Announcement,
)
from e2echat.crypto.handshake import Agreement
from e2echat.crypto.keys import ExchangeKey
from e2echat.crypto.primitives import SystemRandomness, box, open_box
from e2echat.crypto.ratchet import Ratchet
from e2echat.errors import CryptoError, DecryptionError
from e2echat.wire.records import u32

if TYPE_CHECKING:
    from tests.crypto.conftest import Two

RANDOMNESS = SystemRandomness()


def test_out_of_order_within_and_across_chains(two: "Two") -> None:
    two.say(0)
    early = [two.send(1, b"%d" % i) for i in range(4)]
    two.receive(0, early[2])
    two.say(0)
    late = [two.send(1, b"late%d" % i) for i in range(2)]
    assert two.receive(0, late[1]) == (b"late1", 3, 1)
    assert [two.receive(0, early[i]) for i in (3, 0, 1)] == [(b"3", 1, 3), (b"0", 1, 0), (b"1", 1, 1)]
    assert two.receive(0, late[0]) == (b"late0", 3, 0)
    assert two.sides[0].retired == ()


def test_nothing_opens_twice(two: "Two") -> None:
    two.say(0)
    sealed = [two.send(1) for _ in range(3)]
    for i in (0, 2, 1):
        two.receive(0, sealed[i])
        for seen in (0, 2, 1)[: (0, 2, 1).index(i) + 1]:
            two.refuses(0, sealed[seen])
    two.say(0)
    two.say(1)
    for each in sealed:
        two.refuses(0, each)


def test_a_header_within_bounds_is_followed(two: "Two") -> None:
    sealed = [two.send(0) for _ in range(MAX_MISSING + 1)]
    assert two.receive(1, sealed[MAX_MISSING]).number == MAX_MISSING
    receiving = two.sides[1].receiving
    assert receiving is not None
    assert len(receiving.skipped) == MAX_MISSING
    assert two.receive(1, sealed[0]).number == 0


@pytest.mark.parametrize("number", [MAX_MISSING + 1, 2**31, 2**32 - 1])
def test_a_number_out_of_bounds_is_refused_before_any_derivation(
    two: "Two", no_derivation: Callable[[], None], number: int
) -> None:
    two.send(0)
    new_chain = two.forge(0, number=number)
    two.refuses(1, new_chain)
    good = two.send(0)
    two.receive(1, good)
    known_chain = two.forge(0, number=min(number + 2, 2**32 - 1))
    no_derivation()
    two.refuses(1, known_chain)


@pytest.mark.parametrize("previous", [0, MAX_MISSING + 2, 2**32 - 1])
def test_a_length_out_of_bounds_is_refused_before_any_derivation(
    two: "Two", no_derivation: Callable[[], None], previous: int
) -> None:
    two.turns(2)
    two.send(0)
    forged = two.forge(0, previous=previous)
    no_derivation()
    two.refuses(1, forged)


@pytest.mark.parametrize("length", [0, 1, MAX_MISSING + 3])
def test_a_chain_does_not_end_before_what_has_arrived_nor_far_behind_it(two: "Two", length: int) -> None:
    two.say(0)
    two.say(0)
    chain = two.sides[1].receiving
    assert chain is not None
    assert chain.retire(2, two.now).skipped == {}
    with pytest.raises(DecryptionError):
        chain.retire(length, two.now)


def test_all_that_is_missing_of_a_chain_counts(two: "Two") -> None:
    sealed = [two.send(0) for _ in range(MAX_MISSING + 4)]
    two.receive(1, sealed[MAX_MISSING - 1])
    two.receive(1, sealed[MAX_MISSING + 1])
    two.refuses(1, sealed[MAX_MISSING + 3])
    two.receive(1, sealed[0])
    two.receive(1, sealed[MAX_MISSING + 3])


def test_the_oldest_of_too_many_chains_is_forgotten(two: "Two") -> None:
    two.say(0)
    delayed = [two.lose(1)[0] for _ in range(MAX_RECEIVING_CHAINS + 1)]
    two.refuses(1, delayed[0])
    for sealed in delayed[1:]:
        two.receive(1, sealed)


def test_the_oldest_of_too_many_skipped_keys_are_forgotten(two: "Two") -> None:
    two.say(0)
    third = MAX_SKIPPED // 3 + 1
    delayed = [two.lose(third)[0] for _ in range(3)]
    two.refuses(1, delayed[0])
    assert [two.receive(1, sealed).number for sealed in delayed[1:]] == [0, 0]


def test_skipped_keys_die_when_their_chain_is_superseded_long_enough(two: "Two") -> None:
    two.say(0)
    delayed = two.lose(3)
    two.now += SKIPPED_LIFETIME
    two.receive(1, delayed[0])  # of the newest chain: lives on
    two.lose(0)
    two.now += SKIPPED_LIFETIME - 1
    two.receive(1, delayed[1])
    two.now += 1
    two.refuses(1, delayed[2])
    assert two.sides[1].retired
    assert two.sides[1].forget(two.now).retired == ()


def test_what_is_forged_opens_if_it_says_what_it_should(two: "Two") -> None:
    """So that the tests below fail the peer for what he says, and for nothing else."""
    two.send(0)
    assert two.receive(1, two.forge(0)) == (b"forged", 0, 1)
    two.send(0)
    assert two.receive(1, two.forge(0)) == (b"forged", 0, 2)


def test_a_chain_out_of_turn_is_refused(two: "Two", no_derivation: Callable[[], None]) -> None:
    two.turns(2)
    two.send(0)
    forged = [two.forge(0, chain=chain) for chain in (0, 1, 3, 4, 2**32 - 1)]
    no_derivation()
    for sealed in forged:
        two.refuses(1, sealed)


def test_a_chain_that_follows_the_peers_own_is_refused(two: "Two") -> None:
    """Bob, who has not answered chain 0, is shown a header under the key of Alice's next chain."""
    two.say(0)
    chain = two.sending(0)
    next_key = two.sides[0].root.sending_header_key
    for number in (1, 2):
        head = chain.head[:32] + u32(number) + u32(1)
        sealed = box(next_key, head + u32(0) + chain.tail, RANDOMNESS) + bytes(100)
        two.refuses(1, sealed)


def test_a_first_chain_follows_nothing(two: "Two") -> None:
    two.send(0)
    two.refuses(1, two.forge(0, previous=1))


@pytest.mark.parametrize("change", [{"dh": bytes([9]) + bytes(31)}, {"previous": 1}, {"offer": b"ek"}])
def test_headers_of_one_chain_do_not_differ(two: "Two", change: dict[str, Any]) -> None:
    two.say(0)
    two.refuses(1, two.forge(0, **change))


@pytest.mark.parametrize("dh", [bytes(32), (1).to_bytes(32, "little"), b"\xff" * 32])
def test_a_ratchet_key_that_gives_no_secret_is_refused(two: "Two", dh: bytes) -> None:
    two.send(0)
    two.refuses(1, two.forge(0, dh=dh))


@pytest.mark.parametrize(
    "tail",
    [
        b"\0" * 1184 + b"\1",
        b"\3" + bytes(1184),
        b"\xff" + bytes(1184),
        b"\2" + b"c" * 1088 + b"\1" + bytes(95),
        b"\1" + b"\xff" * 1184,
    ],
)
def test_a_kem_slot_of_another_form_is_refused(tail: bytes) -> None:
    head = bytes(40)
    with pytest.raises(CryptoError):
        Announcement.parse(head, tail)


def test_a_ct_that_answers_nothing_is_refused(two: "Two", no_derivation: Callable[[], None]) -> None:
    two.send(0)
    forged = two.forge(0, answer=b"c" * 1088)
    no_derivation()
    two.refuses(1, forged)


def test_an_ek_that_is_not_answered_is_refused(two: "Two", no_derivation: Callable[[], None]) -> None:
    two.turns(2)
    two.send(0)
    forged = two.forge(0, answer=b"")
    no_derivation()
    two.refuses(1, forged)


def test_another_ct_gives_nothing(two: "Two") -> None:
    two.turns(2)
    good = two.send(0)
    header = two.forge(0, answer=b"c" * 1088)[:HBOX]
    two.refuses(1, header + good[HBOX:])
    two.receive(1, good)


def test_an_altered_message_gives_nothing_and_changes_nothing(two: "Two") -> None:
    two.say(0)
    good = two.send(0)
    other = two.send(0)
    for i in (0, 23, 24, 600, HBOX - 1, HBOX, HBOX + 24, len(good) - 1):
        two.refuses(1, good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :])
    two.refuses(1, good[:HBOX] + other[HBOX:])
    two.receive(1, good)


def test_a_header_box_made_anew_does_not_fit_the_body(two: "Two") -> None:
    """The body key is over the header box: a peer who shares header keys cannot exchange headers unnoticed."""
    good = two.send(0)
    chain = two.sending(0)
    header = open_box(chain.header_key, good[:HBOX])
    two.refuses(1, two.forge_raw(0, header)[:HBOX] + good[HBOX:])


def test_a_session_of_another_transcript_opens_nothing(
    two: "Two", agreed: Agreement, prekey: ExchangeKey
) -> None:
    two.sides[1] = Ratchet.respond(replace(agreed, th=b"other" + bytes(27)), prekey, two.now)
    two.refuses(1, two.send(0))


def test_a_header_that_no_key_opens(two: "Two") -> None:
    two.say(0)
    with pytest.raises(DecryptionError):
        two.receive(1, bytes(HBOX + 60))
