"""A relay's address: ``relay://PIN@HOST:PORT``, the PIN being the relay's Ed25519 key in base32.

``relay://PIN@HOST:PORT/TOKEN`` is an address to join with: whoever has it may claim a name there. The token is a
secret and no part of the relay's address.
"""

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Self

from e2echat.errors import InvalidAddressError

DEFAULT_PORT = 7443
MAX_ADDRESS = 330
"""Characters: scheme, 52 of PIN, a host name of 253, port."""
JOIN_TOKEN_SIZE = 16
"""Bytes: nobody guesses one."""
_PIN_SIZE = 52
_ADDRESS = re.compile(
    r"relay://([A-Za-z2-7]{52})@(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?"
)
_JOIN = re.compile(r"(relay://[^/\s]+)/([A-Za-z2-7]{26})")


@dataclass(frozen=True, slots=True)
class RelayAddress:
    """Where a relay is and which key it must prove. ``host`` is a name or an IP address without brackets."""

    key: bytes
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address as a person pastes it.

        Raises:
            InvalidAddressError: it is none.
        """
        match = _ADDRESS.fullmatch(text.strip())
        if not match:
            raise _no_address(text)
        pin, host, port = match.group(1), match.group(2).strip("[]"), int(match.group(3) or DEFAULT_PORT)
        try:
            key = _from_base32(pin)
            if match.group(2).startswith("["):
                ipaddress.IPv6Address(host)
        except ValueError as error:
            raise _no_address(text) from error
        if not 0 < port < 1 << 16:
            raise _no_address(text)
        return cls(key, host.lower(), port)

    @property
    def pin(self) -> str:
        """The relay's key as text: lower case, unpadded."""
        return _base32(self.key)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"relay://{self.pin}@{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class JoinAddress:
    """What an account is made with: a relay's address and perhaps a token. Only ``text`` gives the token away."""

    relay: RelayAddress
    token: bytes | None = field(default=None, repr=False)
    """16 bytes."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address with a token or without one.

        Raises:
            InvalidAddressError: it is neither.
        """
        match = _JOIN.fullmatch(text.strip())
        if not match:
            return cls(RelayAddress.parse(text))
        try:
            return cls(RelayAddress.parse(match.group(1)), _from_base32(match.group(2)))
        except ValueError as error:
            raise _no_address(text) from error

    def text(self) -> str:
        """What to hand to whoever is to join."""
        return str(self.relay) if self.token is None else f"{self.relay}/{_base32(self.token)}"

    def __str__(self) -> str:
        return str(self.relay)


def _no_address(text: str) -> InvalidAddressError:
    """What to say of a ``text`` that is no address: what is wrong with it, and what one looks like."""
    scheme, slashes, rest = text.strip().partition("://")
    pin, at, place = rest.partition("@")
    if (scheme, slashes) != ("relay", "://"):
        wrong = "This does not begin with relay://. "
    elif not at:
        wrong = "Here the @ between the PIN and the host is missing. "
    elif len(pin) != _PIN_SIZE:
        wrong = f"Before the @ there are {len(pin)} characters here: some are missing or too many. "
    elif not place:
        wrong = "Here the host is missing, behind the @. "
    elif "/" in place:
        wrong = "Here what follows the / is not a whole token to join with, or does not belong there. "
    else:
        wrong = ""
    return InvalidAddressError(
        f"{wrong}A relay address looks like relay://PIN@HOST:PORT, with a PIN of {_PIN_SIZE} letters and digits; "
        "the relay prints its own when it starts."
    )


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _from_base32(text: str) -> bytes:
    """The bytes whose one spelling, but for case, is ``text``.

    Raises:
        ValueError: it is none of any bytes.
    """
    data = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    if _base32(data) != text.lower():
        raise ValueError("a second spelling")
    return data
