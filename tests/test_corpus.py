"""Every hostile input of ``corpus/`` to every parser of outside bytes: a value, or an error of ours."""

from collections.abc import Callable
from pathlib import Path

import pytest

from e2echat.crypto.keys import Device, Identity
from e2echat.crypto.prekeys import Prekey, PrekeyBundle, PrekeyKind
from e2echat.crypto.relay_records import AuthRecord, ClaimRecord, HelloRecord
from e2echat.errors import RemoteError
from e2echat.wire import codec, frames, records, relay_messages
from e2echat.wire.frames import FrameDecoder

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.hex"))
PARSERS: dict[str, Callable[[bytes, Identity, Device], object]] = {
    "frames": lambda raw, *_: list(FrameDecoder().feed(raw)),
    "count": lambda raw, *_: frames.parse_count(raw),
    "channel count": lambda raw, *_: frames.parse_channel_count(raw),
    "refusal": lambda raw, *_: frames.parse_refusal(raw),
    "envelope": lambda raw, *_: frames.parse_envelope(raw),
    "codec": lambda raw, *_: codec.decode(raw),
    "relay message": lambda raw, *_: relay_messages.decode(raw),
    "fields": lambda raw, *_: records.unlp(raw, 3),
    "identity": lambda raw, *_: Identity.parse(raw),
    "device": lambda raw, identity, _: Device.parse(raw, identity),
    "prekey": lambda raw, identity, device: Prekey.parse(raw, identity, device, PrekeyKind.SIGNED),
    "bundle": lambda raw, *_: PrekeyBundle.parse(raw, raw, raw, raw, 0),
    "hello": lambda raw, *_: HelloRecord.parse(raw, bytes(32), bytes(32)),
    "claim": lambda raw, identity, _: ClaimRecord.parse(raw, identity, bytes(32)),
    "auth": lambda raw, *_: AuthRecord.parse(raw),
}


def test_there_is_a_corpus() -> None:
    assert CORPUS


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
def test_replay(
    path: Path, parse: Callable[[bytes, Identity, Device], object], identity: Identity, device: Device
) -> None:
    title, *lines = path.read_text(encoding="ascii").splitlines()
    assert title.startswith("# ")
    raw = bytes.fromhex("".join(lines))
    try:
        parse(raw, identity, device)
    except RemoteError:
        return
