"""Names of accounts: what is a name, and which names look alike. docs/spec/identity.md, "Names"."""

import re

from e2echat.errors import InvalidNameError

MAX_NAME = 32
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,30}[a-z0-9])?", re.ASCII)
_ALIKE = str.maketrans({"0": "o", "1": "l", ".": None, "_": None, "-": None})


def canonical_name(text: str) -> str:
    """``text`` as the one spelling of a name: casefolded.

    Raises:
        InvalidNameError: it is none.
    """
    name = text.casefold() if text.isascii() else ""
    if not _NAME.fullmatch(name):
        raise InvalidNameError(str(InvalidNameError.__doc__))
    return name


def is_canonical(name: str) -> bool:
    """Whether ``name`` is a name in its one spelling."""
    return _NAME.fullmatch(name) is not None


def skeleton(name: str) -> str:
    """What names that people confuse have in common; a relay gives out each skeleton once."""
    return name.translate(_ALIKE)
