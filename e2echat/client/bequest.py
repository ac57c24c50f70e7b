"""What opens a profile, as one process hands it on, and until when it does."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bequest:
    """Good as long as the profile was not locked since: its mark is still ``mark``.

    ``secrets``: what the vault holds, in hexadecimal. ``mark``: as it was before the passphrase was used.
    """

    secrets: str = field(repr=False)
    mark: bytes = field(repr=False)
