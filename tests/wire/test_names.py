import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.errors import InvalidNameError
from e2echat.wire.names import MAX_NAME, canonical_name, is_canonical, skeleton

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,30}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("bob", "bob"),
        ("Bob", "bob"),
        ("BOB.2-x_y", "bob.2-x_y"),
        ("7", "7"),
        ("a" * MAX_NAME, "a" * MAX_NAME),
    ],
)
def test_canonical(typed: str, name: str) -> None:
    assert canonical_name(typed) == name
    assert is_canonical(name)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "bob ",
        " bob",
        "bob\n",
        "bo b",
        ".bob",
        "bob-",
        "_",
        "-",
        "a" * (MAX_NAME + 1),
        "bob@relay",
        "bob/..",
        "bob\0",
        "bob\x1b[1m",
        "b\u00f6b",
        "b\u043eb",  # Cyrillic o
        "\uff42\uff4f\uff42",  # full width
        "\u212a",  # the Kelvin sign, which folds to k
        "\u017f",  # the long s, which folds to s
        "bob\u200b",
        "\u0661",  # an Arabic digit
    ],
)
def test_refused(typed: str) -> None:
    with pytest.raises(InvalidNameError):
        canonical_name(typed)
    assert not is_canonical(typed)


def test_only_the_folded_spelling_is_canonical() -> None:
    assert not is_canonical("Bob")


@given(NAMES)
def test_every_name_is_its_own_canonical_spelling(name: str) -> None:
    assert canonical_name(name) == canonical_name(name.upper()) == name
    assert is_canonical(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [("bob", "b0b"), ("al", "a1"), ("bob", "b.o.b"), ("bob", "b-ob"), ("a_b", "ab"), ("l0.1", "1o-l")],
)
def test_names_that_look_alike_share_a_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


def test_names_that_do_not_look_alike_share_none() -> None:
    names = ["bob", "rob", "bobb", "bo", "b2b", "b8b"]
    assert len({skeleton(name) for name in names}) == len(names)


@given(NAMES)
def test_a_skeleton_is_never_empty(name: str) -> None:
    assert skeleton(name)
    assert skeleton(skeleton(name)) == skeleton(name)
