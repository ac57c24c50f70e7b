"""Values through JSON and back, and what is refused on the way in."""

import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.client import events, status
from e2echat.client.events import Event, Gap, Message, MessageState
from e2echat.client.values import from_json, to_json
from e2echat.errors import MalformedError

moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them without
st.register_type_strategy(datetime, moments)
st.register_type_strategy(str, st.text(st.characters(exclude_categories=["Cs"])))
st.register_type_strategy(int, st.integers(-(2**62), 2**62))

VALUES = [events.Contact, events.Message, events.Provenance, events.Safety, status.Status, *get_args(Event)]


@pytest.mark.parametrize("cls", VALUES, ids=lambda cls: cls.__name__)
@given(st.data())
def test_every_value_comes_back(cls: type, data: st.DataObject) -> None:
    value = data.draw(st.from_type(cls))
    there = json.loads(json.dumps(to_json(value)))
    assert from_json(cls, there, "value") == value
    if cls in get_args(Event):
        assert from_json(Event | None, there, "value") == value


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, True),
        (int, 1.0),
        (int, "1"),
        (int, 2**63),
        (bool, 1),
        (str, None),
        (str, "\ud800"),
        (float, float("nan")),
        (float, float("inf")),
        (float, 10**400),
        (float, True),
        (str | None, 1),
        (list[str], "abc"),
        (list[str], [1]),
        (MessageState, "STORED"),
        (MessageState, 1),
        (MessageState, []),
        (datetime, "2026-01-01T00:00:00"),
        (datetime, "yesterday"),
        (Gap, {"type": "gap", "peer": "bob"}),
        (Gap, {"type": "gap", "peer": "bob", "missing": "1"}),
        (Gap, {"type": "missed", "peer": "bob", "missing": 1}),
        (Gap, ["gap", "bob", 1]),
        (Event, {"type": "nothing"}),
        (Event, {}),
        (Event, None),
        (type(None), 0),
    ],
)
def test_what_does_not_fit_is_refused(hint: Any, value: object) -> None:
    with pytest.raises(MalformedError):
        from_json(hint, value, "value")


def test_what_a_later_version_adds_is_passed_over() -> None:
    given_ = {"type": "gap", "peer": "bob", "missing": 1, "since": "later"}
    assert from_json(Gap, given_, "value") == Gap("bob", 1)


def test_what_an_earlier_version_lacked_has_its_default() -> None:
    message = Message(
        id="00",
        peer="bob",
        direction="in",
        text="hello",
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
        received_at=None,
        state=MessageState.RECEIVED,
        verified=False,
        standing="contact",
        reduced_forward_secrecy=False,
        sender="bob",
        recipient="alice",
        number=1,
    )
    there = to_json(message)
    del there["new_key"]
    assert from_json(Message, there, "value") == message
    assert there["sent_at"] == "2026-01-01T00:00:00Z"
