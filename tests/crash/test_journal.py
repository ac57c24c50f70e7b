"""The search for keys that were used twice finds one."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2echat.relay.recorder import Recorder
from e2echat.wire.frames import submission
from tests.crash.journal import kept, require_fresh_keys

if TYPE_CHECKING:
    from tests.conftest import Talk


@pytest.mark.parametrize("twice", [False, True])
def test_a_key_used_twice_is_found(talk: "Talk", tmp_path: Path, twice: bool) -> None:
    record, journal = tmp_path / "record", tmp_path / "journal"
    with kept(journal):
        envelopes = [talk.send("bob", b"begins a chain")]
        before = talk.sides["bob"]
        envelopes.append(talk.send("bob", b"one"))
        if twice:
            # As after a crash that lost the state behind what had left already.
            talk.sides["bob"] = before
        envelopes.append(talk.send("bob", b"two"))
    with closing(Recorder(record)) as recorder:
        recorder.opened(1, "127.0.0.1")
        for envelope in [*envelopes, envelopes[0]]:
            recorder.passed(1, "in", submission(1_000, bytes(16), envelope))
    if twice:
        with pytest.raises(AssertionError):
            require_fresh_keys([record], [journal])
    else:
        assert require_fresh_keys([record], [journal]) == 3
