"""A conversation's name for who comes back after a lock."""

from typing import TYPE_CHECKING

import pytest

from e2echat.client.places import ROOM, opened_place, sealed_place
from e2echat.crypto.primitives import SystemRandomness

if TYPE_CHECKING:
    from tests.client.conftest import Site

KEY, RANDOM = bytes(range(32)), SystemRandomness()
AWAY = f"bob@relay://{'a' * 52}@{'h' * 253}:65535"


@pytest.mark.parametrize("peer", ["bob", AWAY])
def test_only_the_key_opens_it_and_its_length_says_nothing(peer: str) -> None:
    sealed = sealed_place(KEY, peer, RANDOM)
    assert opened_place(KEY, sealed) == peer
    assert opened_place(bytes(32), sealed) is None
    assert sealed != sealed_place(KEY, peer, RANDOM)
    assert len(sealed) == len(sealed_place(KEY, "", RANDOM))
    assert len(peer) < ROOM


@pytest.mark.parametrize("sealed", ["", "x", "00", "ab" * 600, "d" * 32])
def test_anything_else_is_none(sealed: str) -> None:
    assert opened_place(KEY, sealed) is None


def test_every_process_of_the_account_opens_it_and_no_other(site: "Site") -> None:
    alice, bob = site.create("alice"), site.create("bob")
    place = alice.seal_place("bob")
    with site.open("alice") as another:
        assert another.open_place(place) == "bob"
        assert alice.open_place(another.seal_place("carol")) == "carol"
    assert bob.open_place(place) is None
