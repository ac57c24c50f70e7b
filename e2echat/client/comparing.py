"""What somebody typed in place of a safety number, and what to say of it. docs/verifying.md."""

import re
from collections.abc import Mapping

from e2echat.client.texts import safety_digits
from e2echat.errors import LocalError

GROUP = 5
"""Digits."""
SLIPS = 2
"""Groups that differ when somebody misheard; of more, none is named."""


def typed_number(typed: str, fingerprints: Mapping[str, str]) -> str:
    """The sixty digits that were typed. ``fingerprints``: of those whose it could be instead, by whose they are.

    Raises:
        LocalError: it is no safety number; says what it is, where that can be seen.
    """
    compact = re.sub(r"\s", "", typed).lower()
    for whose, fingerprint in fingerprints.items():
        if compact == fingerprint.replace(" ", ""):
            raise LocalError(
                f"that is {whose} fingerprint, sixteen groups of four; what both sides compare is the safety number, "
                "twelve groups of five digits"
            )
    if compact.isdecimal() and len(compact) != 60:
        raise LocalError(f"a safety number is twelve groups of five digits; that has {len(compact)} of sixty")
    return safety_digits(typed)


def difference(typed: str, number: str, peer: str, others: Mapping[str, str]) -> str:
    """Why ``typed`` is not the ``number`` of oneself and ``peer``. ``others``: the numbers of oneself and others, by name."""
    for name, other in others.items():
        if typed == other:
            return f"that is the number of you and {name}, not of you and {peer}"
    heard, right = _groups(typed), _groups(number)
    wrong = [place for place, (one, other) in enumerate(zip(heard, right, strict=True), 1) if one != other]
    said = f"the number is not the one of you and {peer}"
    if sorted(heard) == sorted(right):
        return f"{said}: it has its groups in another order"
    if len(wrong) <= SLIPS:
        which = " and ".join(map(str, wrong))
        return f"{said}: of its twelve groups, number {which} is another one; have it read out once more"
    return said


def former(peer: str) -> str:
    """What to say of a number that was the right one until the key changed."""
    return (
        f"that is the number of {peer}'s former key; the relay names another one now, and nothing was changed. If {peer} has made a "
        f"new account, compare the new number; if {peer} sees this one to this day, somebody else has the name: accept nothing"
    )


def _groups(number: str) -> list[str]:
    return [number[start : start + GROUP] for start in range(0, len(number), GROUP)]
