"""Any byte of any record or key of a bundle changed or swapped: aborted before a secret is used."""

from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.prekeys import PrekeyBundle
from e2echat.errors import HandshakeError

if TYPE_CHECKING:
    from tests.conftest import Person

EPOCH = 1_700_000_000
PARTS = ("identity", "device", "signed", "one_time")


def _parts(person: "Person") -> dict[str, bytes]:
    bundle = person.bundle()
    assert bundle.one_time
    raws = (bundle.identity.raw, bundle.device.raw, bundle.signed.raw, bundle.one_time.raw)
    return dict(zip(PARTS, raws, strict=True))


def test_the_bundle_itself_is_good(bob: "Person") -> None:
    assert PrekeyBundle.parse(**_parts(bob), now=EPOCH) == bob.bundle()


@pytest.mark.parametrize("part", PARTS)
def test_any_byte(bob: "Person", part: str) -> None:
    parts = _parts(bob)
    raw = parts[part]
    for i in range(len(raw)):
        parts[part] = raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :]
        with pytest.raises(HandshakeError):
            PrekeyBundle.parse(**parts, now=EPOCH)


@pytest.mark.parametrize("part", PARTS)
def test_somebody_elses(bob: "Person", mallory: "Person", part: str) -> None:
    with pytest.raises(HandshakeError):
        PrekeyBundle.parse(**{**_parts(bob), part: _parts(mallory)[part]}, now=EPOCH)


def test_the_prekeys_swapped(bob: "Person") -> None:
    parts = _parts(bob)
    swapped = {**parts, "signed": parts["one_time"], "one_time": parts["signed"]}
    with pytest.raises(HandshakeError):
        PrekeyBundle.parse(**swapped, now=EPOCH)
    with pytest.raises(HandshakeError):
        PrekeyBundle.parse(**{**parts, "one_time": parts["signed"]}, now=EPOCH)
