"""A relay's address: ``relay://PIN@HOST:PORT``, the PIN being the relay's Ed25519 key in base32."""

import base64
import binascii
import ipaddress
import re
from dataclasses import dataclass
from typing import Self

from e2echat.errors import InvalidAddressError

DEFAULT_PORT = 7443
MAX_ADDRESS = 330
"""Characters: scheme, 52 of PIN, a host name of 253, port."""
_ADDRESS = re.compile(
    r"relay://([A-Za-z2-7]{52})@(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?"
)


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
            raise InvalidAddressError(str(InvalidAddressError.__doc__))
        pin, host, port = match.group(1), match.group(2).strip("[]"), int(match.group(3) or DEFAULT_PORT)
        try:
            key = base64.b32decode(pin.upper() + "====")
            if match.group(2).startswith("["):
                ipaddress.IPv6Address(host)
        except (binascii.Error, ValueError) as error:
            raise InvalidAddressError(str(InvalidAddressError.__doc__)) from error
        address = cls(key, host.lower(), port)
        if not 0 < port < 1 << 16 or address.pin != pin.lower():
            raise InvalidAddressError(str(InvalidAddressError.__doc__))
        return address

    @property
    def pin(self) -> str:
        """The relay's key as text: lower case, unpadded."""
        return base64.b32encode(self.key).decode().rstrip("=").lower()

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"relay://{self.pin}@{host}:{self.port}"
