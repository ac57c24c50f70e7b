"""The questions that the engine asks of the records."""

from collections.abc import Iterator

import pytest

from e2echat.store.database import Database
from e2echat.store.records import Records
from e2echat.store.rows import ContactRow, HeldRow, MessageRow, StreamRow

DEVICE = b"d" * 32
NOW = 1_700_000_000_000


@pytest.fixture(name="records")
def _records() -> Iterator[Records]:
    records = Records(Database.open(None, bytes(32)))
    yield records
    records.close()


@pytest.fixture(name="bob")
def _bob(records: Records) -> ContactRow:
    return records.add_contact(_contact("bob"))


def _contact(name: str) -> ContactRow:
    return ContactRow(0, b"k" * 32, name, "relay://a", b"identity", b"device", "contact")


def _message(records: Records, contact: ContactRow, seq: int, **others: object) -> MessageRow:
    values = {
        "id": 0,
        "contact": contact.id,
        "outgoing": True,
        "message_id": bytes([seq]) * 16,
        "seq": seq,
        "kind": "text",
        "text": f"Text {seq}",
        "sent_at": NOW,
        "received_at": None,
        "state": "queued",
        "payload": b"payload",
        "device_hash": DEVICE,
    } | others
    row = MessageRow(**values)  # type: ignore[arg-type]
    found = records.messages.one("WHERE id = ?", records.messages.save(row))
    assert found is not None
    return found


def test_own_values(records: Records) -> None:
    assert records.own("name") is None
    records.set_own("name", b"one")
    records.set_own("name", b"two")
    assert records.own("name") == b"two"
    records.delete_own("name")
    assert records.own("name") is None


def test_contacts_are_found_by_relay_and_name(records: Records, bob: ContactRow) -> None:
    assert records.contact(bob.id) == bob == records.find_contact(b"k" * 32, "bob")
    assert records.find_contact(b"x" * 32, "bob") is None
    with pytest.raises(KeyError):
        records.contact(99)


def test_a_transaction_is_all_or_nothing(records: Records) -> None:
    def fail() -> None:
        with records.transaction():
            records.add_contact(_contact("carol"))
            records.contact(99)

    with pytest.raises(KeyError):
        fail()
    assert records.contacts.count() == 0


def test_prekey_ids_are_never_used_twice(records: Records) -> None:
    assert [records.next_prekey_id() for _ in range(3)] == [1, 2, 3]


def test_what_waits_to_be_sealed(records: Records, bob: ContactRow) -> None:
    second, first = _message(records, bob, 2), _message(records, bob, 1)
    _message(records, bob, 3, state="delivered")
    _message(records, bob, 4, outgoing=False, state="received")
    assert records.unsealed_messages(bob.id) == [first, second]
    assert records.contacts_with_unsealed() == [bob.id]
    for message in (first, second):
        records.add_envelope(bob.id, message.id, bytes([message.id]) * 16, b"envelope", NOW)
    assert records.contacts_with_unsealed() == []
    assert records.unsettled_messages(bob.id) == [first, second]


def test_receipts_are_for_one_device_and_range(records: Records, bob: ContactRow) -> None:
    rows = [_message(records, bob, seq) for seq in (1, 2, 3)]
    _message(records, bob, 4, device_hash=b"other" * 6)
    _message(records, bob, 5, state="read")
    found = records.receiptable(bob.id, DEVICE, 2, (1 << 63) - 1, ("queued", "stored"))
    assert found == rows[1:]


def test_the_outbox_in_order_and_in_time(records: Records, bob: ContactRow) -> None:
    for number, due in enumerate((30, 10, 20), 1):
        records.add_envelope(bob.id, None, bytes([number]) * 16, b"envelope", due)
    assert [row.envelope_id[0] for row in records.outbox_of(bob.id, 20, 9)] == [2, 3]
    assert [row.envelope_id[0] for row in records.outbox_of(bob.id, 99, 2)] == [1, 2]
    assert records.contacts_due(9) == []
    assert records.contacts_due(10) == [bob.id]
    assert records.next_envelope_at() == 10
    assert records.unaccepted_signals() == 3
    row = records.outbox_entry(b"\2" * 16)
    assert row is not None
    records.note_attempt(row, 40)
    records.postpone(b"\3" * 16, 50, accepted=True)
    assert records.next_envelope_at() == 30
    records.make_due(bob.id, 5, accepted=False)
    assert [row.due_at for row in records.outbox_of(bob.id, 99, 9)] == [5, 5, 50]
    records.make_due(bob.id, 5, accepted=True)
    records.postpone_all(bob.id, 70)
    assert [row.due_at for row in records.outbox_of(bob.id, 99, 9)] == [70, 70, 70]
    records.drop_envelope(b"\1" * 16)
    assert len(records.outbox_of(bob.id, 99, 9)) == 2
    records.drop_outbox(bob.id)
    assert records.next_envelope_at() is None


def test_a_changed_keys_envelopes_are_not_waited_for(records: Records, bob: ContactRow) -> None:
    records.add_envelope(bob.id, None, bytes(16), b"envelope", 10)
    records.contacts.update("changed_device = ?", b"other")
    assert records.next_envelope_at() is None


def test_what_waits_in_a_stream(records: Records, bob: ContactRow) -> None:
    stream = records.stream(bob.id, DEVICE)
    assert stream == StreamRow(bob.id, DEVICE)
    records.streams.save(stream)
    held = [HeldRow(bob.id, DEVICE, seq, NOW + seq, b"payload", b"origin") for seq in (5, 3)]
    for row in held:
        records.held.save(row)
    assert records.held_sequences(bob.id, DEVICE) == [3, 5]
    assert records.held_at(bob.id, DEVICE, 5) == held[0]
    assert records.held_at(bob.id, DEVICE, 4) is None
    assert records.first_held_at() == NOW + 3
    records.drop_held(held[1])
    assert records.held_sequences(bob.id, DEVICE) == [5]


def test_the_history_is_the_last_that_contains(records: Records, bob: ContactRow) -> None:
    for seq in range(1, 6):
        _message(records, bob, seq)
    _message(records, bob, 6, kind="route", text="")
    assert [row.seq for row in records.history.page(bob.id, limit=2)] == [4, 5]
    last = records.last_message(bob.id)
    assert last is not None
    assert last.seq == 5


def test_unshown_and_shown(records: Records, bob: ContactRow) -> None:
    incoming = [_message(records, bob, seq, outgoing=False, shown=seq != 2) for seq in (1, 2, 3)]
    assert records.unshown() == [incoming[1]]
    assert records.unread_count(bob.id) == 1
    assert records.content.unshown_sequences(bob.id, DEVICE) == [2]
    assert records.content.unshown_sequences(bob.id, b"other".ljust(32)) == []


def test_what_was_seen_is_known_until_it_expires(records: Records, bob: ContactRow) -> None:
    records.taken.add_seen(b"hash", bob.id, NOW)
    records.taken.add_init(b"init", NOW)
    records.taken.forget_expired(NOW)
    assert records.taken.seen_from(b"hash") == bob.id
    assert records.taken.knows_init(b"init")
    records.taken.forget_expired(NOW + 1)
    assert records.taken.seen_from(b"hash") is None
    assert not records.taken.knows_init(b"init")


def test_secrets_are_not_in_repr(records: Records, bob: ContactRow) -> None:
    row = _message(records, bob, 1, text="secret", payload=b"secret")
    assert "secret" not in repr(row)
