"""Targets for what does not come over the network: files that may have rotted or been given to us, and the profile's socket."""

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import e2echat.client.account  # noqa: F401 - defines what is served
from e2echat.client import rpc
from e2echat.client.methods import served_method, served_names
from e2echat.errors import (
    BadRecordError,
    DamagedStorageError,
    MalformedError,
    StorageError,
    WrongPassphraseError,
)
from e2echat.faces.audit_report import audit_records
from e2echat.relay.audit.auditing import Audit
from e2echat.relay.audit.checks import checks
from e2echat.relay.audit.learned import learned
from e2echat.relay.audit.traffic import Collected
from e2echat.relay.record import Sighting
from e2echat.relay.segments import Directory, Stretch, place_of
from e2echat.store.vault import open_vault
from fuzz.machines import Script

_EVENTS = ("opened", "frame", "closed", "")


def record(raw: bytes) -> None:
    """Lines as they come, and lines of frames that a relay may have seen."""
    for lines in (raw.decode("ascii", "replace").split("\n"), list(_lines(Script(raw)))):
        with suppress(BadRecordError):
            seen = Collected.of(map(Sighting.parse, lines))
            if seen.first_time is not None:
                done = Audit(seen.first_time, seen.last_time, seen.frames, tuple(checks(seen)), learned(seen))
                json.dumps(list(audit_records(done)), allow_nan=False)


def _lines(script: Script) -> Iterator[str]:
    while script:
        values: dict[str, Any] = {
            "time": script.number(2),
            "event": _EVENTS[script.number() % len(_EVENTS)],
            "connection": script.number() % 4,
            "direction": "in" if script.number() % 2 else "out",
            "tag": script.number(),
            "bytes": base64.b64encode(script.some()).decode(),
        }
        yield json.dumps(values)


def request(raw: bytes) -> None:
    """What another process says, up to the arguments of the method that it calls."""
    with suppress(MalformedError):
        for line in rpc.Lines(rpc.MAX_LINE).feed(raw + b"\n"):
            with suppress(MalformedError):
                asked = rpc.parse_request(line)
                names = sorted(served_names())
                name = asked.method if asked.method in names else names[len(line) % len(names)]
                served_method(name).arguments(asked.params)


def answer(raw: bytes) -> None:
    """What the owner says, to another process."""
    rpc.parse_answer(raw)


def segment(raw: bytes) -> None:
    """A directory that rotted, and the body that goes with it."""
    with suppress(DamagedStorageError):
        directory = Directory.decode(raw)
        assert directory.encode() == raw
        for _, (place, sizes, _) in directory.placed(1):
            with suppress(DamagedStorageError):
                directory.cut(raw, Stretch(place, len(sizes)))
        rest, body = directory.compacted(1, raw, lambda _: place_of(1, 0))
        assert len(body) <= len(raw)
        assert len(rest.sizes) <= len(directory.sizes)


def vault(raw: bytes) -> None:
    """A vault without a passphrase; one under a passphrase costs memory before it can be wrong."""
    with suppress(StorageError, WrongPassphraseError):
        open_vault(raw, None)
