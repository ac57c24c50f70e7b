"""Verifying with one's own number, or with the roles swapped: the right answer."""

from e2echat.crypto.keys import Identity, SigningKey, fingerprint_groups, safety_number
from e2echat.crypto.primitives import SystemRandomness


def test_swapped_roles_give_the_same_number(identity: Identity, other_identity: Identity) -> None:
    assert safety_number(identity, other_identity) == safety_number(other_identity, identity)


def test_ones_own_number_is_not_the_number_of_two(identity: Identity, other_identity: Identity) -> None:
    both = safety_number(identity, other_identity)
    own = [
        safety_number(identity, identity),
        safety_number(other_identity, other_identity),
        *(f"{int.from_bytes(each.fingerprint) % 10**60:060d}" for each in (identity, other_identity)),
        *(fingerprint_groups(each.fingerprint) for each in (identity, other_identity)),
    ]
    assert both not in own


def test_the_number_with_a_third_person_is_another(
    identity: Identity, other_identity: Identity, randomness: SystemRandomness
) -> None:
    third = Identity.create(SigningKey.generate(randomness), "carol")
    pairs = [(identity, other_identity), (identity, third), (other_identity, third)]
    assert len({safety_number(one, other) for one, other in pairs}) == len(pairs)
