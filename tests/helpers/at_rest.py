"""All that a profile's directory holds, sealed and opened, and the forms in which a secret could lie in it."""

import base64
import stat
from pathlib import Path

from e2echat.store.private_files import read_private
from e2echat.store.vault import MAX_VAULT, open_vault
from tests.helpers.pages import pages_opened_with_the_key


def everything(home: Path) -> bytes:
    """Names and bytes of every file, and what the key opens of each page of the database, of its copy, and of the log; free pages, too."""
    key = open_vault(read_private(home / "vault", MAX_VAULT), None).database_key
    found = []
    for path in sorted(home.rglob("*")):
        found.append(path.name.encode())
        if stat.S_ISREG(path.lstat().st_mode):
            found.append(path.read_bytes())
    found += [
        pages_opened_with_the_key(home / name, key)
        for name in ("database", "database.old")
        if (home / name).exists()
    ]
    return b"\n".join(found)


def forms(secret: bytes) -> list[bytes]:
    """A secret as it is, in hexadecimal of either case, and in base64 wherever in a longer text it begins."""
    encoded = [base64.b64encode(bytes(before) + secret) for before in range(3)]
    # At either end, bits of what stands beside it come in.
    inner = [each[-(-before * 8 // 6) + (before > 0) : -4] for before, each in enumerate(encoded)]
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), *inner]


def is_in(secret: bytes, found: bytes) -> bool:
    """Whether it is there in any form."""
    return any(form in found for form in forms(secret))
