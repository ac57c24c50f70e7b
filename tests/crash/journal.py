"""Clients that write down which message key each envelope takes: so that one used twice is found, whatever they forget.

``python -m tests.crash.journal FILE …`` is ``e2echat …`` with a line for each envelope in FILE: a hash of its body, one of the
chain's message key. The key of the box says nothing: it comes from the message key and the header's box, which has a nonce.
"""

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

import nacl.bindings

from e2echat.crypto.chains import SendingChain
from e2echat.crypto.envelope import split
from e2echat.relay.record import RecordReader


@contextmanager
def kept(path: Path) -> Iterator[None]:
    """From here to the end of the block, what this process seals is written down in ``path``."""
    seal, take = nacl.bindings.crypto_secretbox, SendingChain.take
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    taken = threading.local()

    def take_and_note(chain: SendingChain) -> tuple[SendingChain, bytes]:
        taken.chain, taken.key = take(chain)
        return taken.chain, taken.key

    def seal_and_tell(message: bytes, nonce: bytes, key: bytes) -> bytes:
        sealed: bytes = seal(message, nonce, key)
        # The body's box is the first behind the taking. One write, so that lines of several threads do not mix.
        if message_key := getattr(taken, "key", None):
            os.write(descriptor, f"{_hash(nonce + sealed)} {_hash(message_key)}\n".encode())
            taken.key = None
        return sealed

    vars(nacl.bindings)["crypto_secretbox"] = seal_and_tell
    setattr(SendingChain, "take", take_and_note)  # noqa: B010 - nobody else may assign it
    try:
        yield
    finally:
        vars(nacl.bindings)["crypto_secretbox"] = seal
        setattr(SendingChain, "take", take)  # noqa: B010 - as above
        os.close(descriptor)


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()


def submitted(records: Iterable[Path]) -> set[bytes]:
    """The bodies of all envelopes that ever reached a relay, each once."""
    bodies = set()
    for record in records:
        with closing(RecordReader(record)) as reader:
            for sighting in reader.sightings():
                if sighting.is_envelope and sighting.direction == "in":
                    bodies.add(split(sighting.content)[2])
    return bodies


def require_fresh_keys(records: Iterable[Path], journals: Iterable[Path]) -> int:
    """No two different envelopes that left their sender are sealed under one message key; how many there are."""
    keys = dict(line.split() for journal in journals for line in journal.read_text().splitlines())
    used = [keys[_hash(body)] for body in submitted(records)]
    assert len(set(used)) == len(used), "a message key was used twice"
    return len(used)


if __name__ == "__main__":
    from e2echat.faces.cli.main import main

    with kept(Path(sys.argv.pop(1))):
        main()
