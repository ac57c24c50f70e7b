"""Invitation links: ``e2echat:`` and base32, so that they survive a chat, a mail and a QR code. docs/spec/pairing.md, "Links"."""

import base64
import binascii
import zlib
from dataclasses import dataclass, field
from typing import Self

from e2echat.errors import InvalidAddressError, InvalidInvitationError
from e2echat.wire.address import RelayAddress
from e2echat.wire.names import is_canonical
from e2echat.wire.records import u16, u32

SCHEME = "e2echat:"
SECRET_SIZE = 16
MAX_LINK = 1024
"""Characters; the longest that there is has fewer."""
_VERSION = 1
_KEY = 32


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who invites, where he is reached, and ``secret``, which whoever joins shows to have been invited."""

    relay: RelayAddress
    name: str
    fingerprint: bytes
    capability: bytes = field(repr=False)
    secret: bytes = field(repr=False)

    def link(self) -> str:
        """The link; whoever has it may join."""
        relay, host, name = self.relay, self.relay.host.encode(), self.name.encode()
        head = bytes([_VERSION]) + relay.key + u16(relay.port) + bytes([len(host)]) + host
        body = head + bytes([len(name)]) + name + self.fingerprint + self.capability + self.secret
        raw = body + u32(zlib.crc32(body))
        return SCHEME + base64.b32encode(raw).decode().rstrip("=").lower()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a link as a person pastes it: in any case, wrapped or not.

        Raises:
            InvalidInvitationError: it is none, or something of it is missing.
        """
        text = "".join(text.split())
        if not is_link(text) or len(text) > MAX_LINK:
            raise InvalidInvitationError(str(InvalidInvitationError.__doc__))
        try:
            return cls._parse(_unbase32(text[len(SCHEME) :]))
        except (ValueError, IndexError, InvalidAddressError) as error:
            raise InvalidInvitationError(str(InvalidInvitationError.__doc__)) from error

    @classmethod
    def _parse(cls, raw: bytes) -> Self:
        body, check = raw[:-4], raw[-4:]
        if u32(zlib.crc32(body)) != check or body[0] != _VERSION:
            raise ValueError("mistyped")
        reader = _Reader(body, 1)
        key, port = reader.take(_KEY), int.from_bytes(reader.take(2))
        host, name = (reader.take(reader.take(1)[0]).decode("ascii") for _ in range(2))
        fingerprint, capability, secret = (reader.take(size) for size in (_KEY, _KEY, SECRET_SIZE))
        relay = RelayAddress(key, host, port)
        # One spelling only, and nothing that an address typed by hand could not say.
        if not is_canonical(name) or reader.left or RelayAddress.parse(str(relay)) != relay:
            raise ValueError("no such relay or name")
        return cls(relay, name, fingerprint, capability, secret)


class _Reader:
    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes; ValueError if there are fewer."""
        if count > self.left:
            raise ValueError("cut short")
        self._position += count
        return self._data[self._position - count : self._position]

    @property
    def left(self) -> int:
        return len(self._data) - self._position


def is_link(text: str) -> bool:
    """Whether ``text`` means to be a link."""
    return text.strip().casefold().startswith(SCHEME)


def _unbase32(text: str) -> bytes:
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except binascii.Error as error:
        raise ValueError("not base32") from error
    if base64.b32encode(raw).decode().rstrip("=").lower() != text.lower():
        raise ValueError("a second spelling")
    return raw
