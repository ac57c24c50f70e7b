"""Every error that e2echat raises on purpose, in three families.

A class's docstring is the sentence a user can act on; the message of an instance adds the particulars.
``LocalError`` is our own misuse, ``RemoteError`` a peer's or relay's misbehaviour, ``EnvironmentFault``
the machine or the network. Faces map the leaves to exit codes; nothing below them knows about those.
"""


class E2EChatError(Exception):
    """Something went wrong in e2echat."""


class LocalError(E2EChatError):
    """What was asked for cannot be done as asked."""


class InvalidNameError(LocalError):
    """A name has 1 to 32 characters: letters a-z, digits, and . _ - inside."""


class InvalidAddressError(LocalError):
    """A relay address looks like relay://PIN@HOST:PORT; the relay prints its own when it starts."""


class InvalidProxyError(LocalError):
    """A proxy looks like socks5h://HOST:PORT, where HOST is a numeric address or localhost; "none" is none."""


class InvalidPassphraseError(LocalError):
    """A passphrase has 1 to 1,024 bytes of text."""


class InvalidConfigurationError(LocalError):
    """The relay's configuration has a mistake; see docs/cli.md for what it may say."""


class BadRecordError(LocalError):
    """The file is not what a relay writes with --record."""


class NoProfileError(LocalError):
    """There is no account here yet; make one with: e2echat init NAME --relay ADDRESS."""


class ProfileExistsError(LocalError):
    """There is an account here already; choose another directory with --home."""


class InvalidCodeError(LocalError):
    """A code is a number and two words, as in 4821-guitar-otter."""


class InvalidInvitationError(LocalError):
    """That is no invitation, or something of it is missing; it begins with e2echat: and is one long word."""


class NoSuchPeerError(LocalError):
    """Nobody of that name is known to the relay."""


class NoSuchUserError(NoSuchPeerError):
    """Nobody of that name is at this relay."""


class PeerBlockedError(LocalError):
    """That contact is blocked. ``peer``: who, as one types it."""

    def __init__(self, message: str, peer: str = "PEER") -> None:
        super().__init__(message)
        self.peer = peer


class InvalidTextError(LocalError):
    """A message is text: UTF-8 without NUL, and not empty."""


class TextTooLongError(LocalError):
    """The text does not fit into one message."""


class RemoteError(E2EChatError):
    """The other side broke the protocol."""


class MalformedError(RemoteError):
    """Bytes that do not parse as what they claim to be."""


class CryptoError(RemoteError):
    """A signature, key or box that does not check out."""


class HandshakeError(CryptoError):
    """A prekey bundle or first message that must not be used."""


class OutOfTimeError(HandshakeError):
    """The other side's keys are not of this time, so that one of the two clocks is wrong."""


class DecryptionError(CryptoError):
    """An envelope that no session of ours opens."""


class PairingError(CryptoError):
    """The two sides did not come together."""


class KeyChangedError(RemoteError):
    """The key is not the one that was expected. ``message_id``: what is kept and held until it is accepted."""

    def __init__(self, message: str, message_id: str | None = None) -> None:
        super().__init__(message)
        self.message_id = message_id


class WrongRelayError(KeyChangedError):
    """The relay that answered is not the one that the address names."""


class RefusedError(RemoteError):
    """The relay refused the request. ``reason`` names why, as the relay's protocol does."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class EnvironmentFault(E2EChatError):  # noqa: N818 - the family's name says whose fault it is not
    """The machine or the network is in the way."""


class RelayUnreachableError(EnvironmentFault):
    """The relay cannot be reached. ``why``: refused, silent, unknown_host, no_way, not_tls or proxy, where it is known."""

    def __init__(self, message: str = "", why: str = "") -> None:
        super().__init__(message)
        self.why = why


class WrongClockError(EnvironmentFault):
    """This machine's clock is years behind: others would take no key that was made now."""


class WrongPassphraseError(EnvironmentFault):
    """The passphrase does not open this profile."""


class LockedError(EnvironmentFault):
    """The profile was locked; its passphrase opens it again."""


class ProfileBusyError(EnvironmentFault):
    """Another e2echat process holds this profile."""


class OwnerSilentError(ProfileBusyError):
    """The e2echat process that holds this profile does not answer."""


class StorageError(EnvironmentFault):
    """The disk did not take or give what it should."""


class DamagedStorageError(StorageError):
    """What is on the disk is not what was written there."""


class RelayDamagedError(DamagedStorageError):
    """The relay's database is not what was written there."""


class VaultMissingError(DamagedStorageError):
    """The vault is missing, without which nothing here can be read: put it back, or restore a backup into another directory."""


class NewerStorageError(StorageError):
    """The profile was used by a newer e2echat, and this one is too old for it; install the newer one again."""


class UnsafeProfileError(EnvironmentFault):
    """The profile's files are not safe to use as they are."""


class RelayDataError(EnvironmentFault):
    """The relay's data directory cannot be used as it is."""


class ListenError(EnvironmentFault):
    """The relay cannot listen at this address."""
