"""What the raw key opens of a database, page by page, whatever SQLite would still make of it."""

from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

PAGE, RESERVED, SALT = 4096, 80, 16
WAL_HEADER, FRAME_HEADER = 32, 24


def pages_opened_with_the_key(path: Path, key: bytes) -> bytes:
    """Those of a database's file and of its log.

    SQLCipher 4: AES-256-CBC, the last 80 bytes of a page being IV, HMAC and padding; the first page begins with 16 of salt.
    """
    data = path.read_bytes()
    opened = [_open(data[start : start + PAGE], key, first=not start) for start in range(0, len(data), PAGE)]
    log = path.with_name(f"{path.name}-wal")
    frames = log.read_bytes()[WAL_HEADER:] if log.exists() else b""
    for start in range(0, len(frames), FRAME_HEADER + PAGE):
        number = int.from_bytes(frames[start : start + 4])
        page = frames[start + FRAME_HEADER : start + FRAME_HEADER + PAGE]
        opened.append(_open(page, key, first=number == 1))
    return b"".join(opened)


def _open(page: bytes, key: bytes, *, first: bool) -> bytes:
    end = PAGE - RESERVED
    decryptor = Cipher(AES256(key), CBC(page[end : end + 16])).decryptor()
    return decryptor.update(page[SALT if first else 0 : end])
