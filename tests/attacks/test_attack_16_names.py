"""Claiming a taken, confusable or case-variant name: what a name and a record make impossible.

That the relay refuses the claim is tested where the relay is.
"""

import pytest

from e2echat.crypto.keys import SUITE, Identity, SigningKey
from e2echat.errors import InvalidNameError, MalformedError
from e2echat.wire.names import canonical_name, skeleton
from e2echat.wire.records import u16


@pytest.mark.parametrize("name", ["Bob", "BOB", "bOb"])
def test_a_case_variant_is_the_same_name(name: str) -> None:
    assert canonical_name(name) == "bob"


@pytest.mark.parametrize("name", ["b0b", "b-ob", "b.0.b", "b_o_b"])
def test_a_confusable_name_has_the_taken_skeleton(name: str) -> None:
    assert canonical_name(name) != "bob"
    assert skeleton(name) == skeleton("bob")


@pytest.mark.parametrize(
    "name", ["b\u043eb", "b\u00f3b", "bob\u200d", "\u202ebob", "bob\u00a0", "\u212a", "b\u0131ll", "bob\x00"]
)
def test_what_only_looks_like_a_name_is_none(name: str) -> None:
    with pytest.raises(InvalidNameError):
        canonical_name(name)


@pytest.mark.parametrize("name", ["Bob", "bob\u200d", "bob ", "b\u043eb"])
def test_a_signature_does_not_make_it_one(account: SigningKey, name: str) -> None:
    raw = account.sign_record("id", u16(SUITE), name.encode(), account.public, bytes(32))
    with pytest.raises(MalformedError):
        Identity.parse(raw)
