"""Pages of a conversation, and the search in it: in any script, by any piece of a word, and nothing left of what is gone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.store import grams, history
from e2echat.store.database import Database
from e2echat.store.migrations import schema_scripts
from e2echat.store.records import Records
from e2echat.store.rows import ContactRow, MessageRow
from tests.helpers.pages import pages_opened_with_the_key

KEY = bytes(range(32))


@pytest.fixture(name="records")
def _records() -> Iterator[Records]:
    records = Records(Database.open(None, KEY))
    yield records
    records.close()


def _contact(records: Records, name: str = "bob") -> ContactRow:
    return records.add_contact(ContactRow(0, b"k" * 32, name, "relay://a", b"identity", b"device", "contact"))


def _add(records: Records, contact: ContactRow, *texts: str, **others: object) -> list[MessageRow]:
    rows = []
    for text in texts:
        number = records.messages.count() + 1
        row = MessageRow(
            0,
            contact.id,
            False,
            number.to_bytes(16),
            number,
            "text",
            text,
            number,
            number,
            "received",
            shown=True,
        )
        rows.append(records.content.add(replace(row, **others)))  # type: ignore[arg-type]
    return rows


def _texts(rows: list[MessageRow]) -> list[str]:
    return [row.text for row in rows]


# --- pages -----------------------------------------------------------------------------------------------------------


def test_pages_both_ways(records: Records) -> None:
    bob, carol = _contact(records), _contact(records, "carol")
    rows = _add(records, bob, *(f"{number}" for number in range(10)))
    _add(records, carol, "another conversation")
    page = records.history.page
    assert _texts(page(bob.id, limit=3)) == ["7", "8", "9"]
    assert _texts(page(bob.id, limit=3, before=rows[7].id)) == ["4", "5", "6"]
    assert _texts(page(bob.id, limit=3, after=rows[3].id)) == ["4", "5", "6"]
    assert _texts(page(bob.id, after=rows[7].id)) == ["8", "9"]
    assert _texts(page(bob.id, after=rows[3].id, before=rows[6].id)) == ["4", "5"]
    assert _texts(page(bob.id, before=rows[0].id)) == _texts(page(bob.id, after=rows[9].id)) == []


# --- finding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("See you at the station", "station"),
        ("See you at the station", "STAT"),
        ("See you at the station", "tion"),
        ("See you at the station", "station see"),
        ("ok", "ok"),
        ("ok", "k"),
        ("e2echat.example", "chat.ex"),
        ("Crème brûlée", "creme brulee"),
        ("creme brulee", "crème"),
        ("Straße", "STRASSE"),
        ("İstanbul", "istanbul"),
        ("Привет, Мир", "мир"),
        ("Ἀθῆναι", "αθηναι"),
        ("明天去北京大学", "北京"),
        ("明天去北京大学", "学"),
        ("明天去北京大学", "京大学"),
        ("東京タワーで会おう", "タワー"),
        ("ﾀﾜｰ", "タワー"),
        ("내일 학교에서 만나요", "학교"),
        ("내일 학교에서 만나요", "만"),
        ("พรุ่งนี้เจอกันที่สถานี", "เจอกัน"),
        ("พรุ่งนี้เจอกันที่สถานี", "สถานี"),
        ("السلام عليكم", "سلام"),
        ("السَّلَامُ عَلَيْكُمْ", "السلام"),
        ("שָׁלוֹם", "שלום"),
        ("नमस्ते दुनिया", "नमस्ते"),
        ("မင်္ဂလာပါ", "လာပါ"),
        ("party 🎉🎉 tonight", "🎉"),
        ("our family 👨‍👩‍👧", "👨‍👩‍👧"),
        ("a\nsecond line", "second"),
        ("wide \uff21\uff22\uff23", "abc"),
        ('quotes "like these"', '"like'),
        ("50% off; DROP TABLE", "50% table"),
        ("a" * 200 + "b" + "c" * 200, "a" * 50 + "b" + "c" * 50),
    ],
)
def test_a_text_is_found_by_any_piece_of_its_words(records: Records, text: str, words: str) -> None:
    bob = _contact(records)
    _add(records, bob, "something else 別 другое", text, "and more")
    assert text in _texts(records.history.search(words, bob.id))
    assert text in _texts(records.history.ranked(words, None, 10))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("abcd", "abd"),
        ("xbcd abcx", "abcd"),
        ("你好", "好你"),
        ("text", "text other"),
        ("text", ""),
        ("text", " \u200b\n"),
        ("text", "%"),
        ("text", "*"),
        ("text", 'NOT "x"'),
        ("text", "\ue0001"),
    ],
)
def test_what_is_not_in_it_does_not_find_it(records: Records, text: str, words: str) -> None:
    bob = _contact(records)
    _add(records, bob, text)
    assert records.history.search(words, bob.id) == records.history.ranked(words, None, 10) == []


def test_a_conversation_is_searched_by_itself(records: Records) -> None:
    bob, carol = _contact(records), _contact(records, "carol")
    mine = _add(records, bob, "one word", "two words", "none", "three words")
    theirs = _add(records, carol, "a word of hers", f"word \ue000{bob.id}")
    search = records.history.search
    assert _texts(search("word", bob.id)) == ["one word", "two words", "three words"]
    assert _texts(search("word", bob.id, limit=2)) == ["two words", "three words"]
    assert _texts(search("word", bob.id, before=mine[3].id)) == ["one word", "two words"]
    assert _texts(search("word", bob.id, after=mine[0].id)) == ["two words", "three words"]
    assert search("word", carol.id) == theirs
    assert len(records.history.ranked("word", None, 10)) == 5


def test_the_best_come_first_and_of_equals_the_latest(records: Records) -> None:
    bob = _contact(records)
    _add(
        records,
        bob,
        "the tea house",
        "tea",
        "a house; some tea",
        "teapots in houses",
        "steady houseboats",
        "tea",
    )
    assert _texts(records.history.ranked("tea house", None, 9)) == [
        "the tea house",
        "a house; some tea",
        "teapots in houses",
        "steady houseboats",
    ]
    assert [row.id for row in records.history.ranked("tea", None, 3)] == [6, 3, 2]


def test_what_a_ranked_search_looks_at_is_bounded(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_READ_AT_ONCE", 3)
    monkeypatch.setattr(history, "MOST_LOOKED_AT", 9)
    bob = _contact(records)
    _add(records, bob, "abcd", *["abc bcd"] * 9, "abcd", *["abc bcd"] * 5)
    assert len(records.history.ranked("abcd", None, 99)) == 1
    assert len(records.history.search("abcd", bob.id)) == 2
    monkeypatch.setattr(history, "MOST_RANKED", 2)
    assert len(records.history.ranked("bcd", None, 99)) == 2


@given(st.text(max_size=30), st.text(max_size=30), st.text(min_size=1, max_size=8))
def test_the_index_misses_nothing(before: str, after: str, word: str) -> None:
    folded = grams.fold(word).split()
    records = Records(Database.open(None, KEY))
    bob = _contact(records)
    text = before + word + after
    _add(records, bob, text)
    expected = bool(folded) and all(each in grams.fold(text) for each in folded)
    assert bool(records.history.search(word, bob.id)) == expected
    records.close()


# --- forgetting ------------------------------------------------------------------------------------------------------


def _terms(records: Records) -> set[str]:
    records._database.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab (main, message_index, row)")
    found = {term for (term,) in records._database.execute("SELECT term FROM temp.terms")}
    records._database.execute("DROP TABLE temp.terms")
    return found


def test_an_edit_and_a_deletion_leave_nothing_in_the_index(records: Records) -> None:
    bob = _contact(records)
    _add(records, bob, "stays")
    before = _terms(records)
    (row,) = _add(records, bob, "planted")
    edited = replace(row, text="changed", edited_at=1)
    records.content.change(row, edited)
    assert records.history.search("planted", bob.id) == []
    assert records.history.search("changed", bob.id) == [edited]
    records.content.change(edited, replace(edited, text="", deleted=True))
    assert _terms(records) == before
    records.content.erase(records.messages.select("WHERE id = ?", row.id))
    assert _terms(records) == before
    records._database.execute("INSERT INTO message_index (message_index) VALUES ('integrity-check')")


def test_pieces_of_what_is_gone_are_in_no_page(tmp_path: Path) -> None:
    path = tmp_path / "database"
    records = Records(Database.open(path, KEY))
    bob = _contact(records)
    text = "\N{CYRILLIC CAPITAL LETTER MONOGRAPH UK}\N{CYRILLIC CAPITAL LETTER YN}\N{CYRILLIC CAPITAL LETTER BROAD OMEGA}"
    # The index has it folded, and without what its terms begin with in common.
    needles = (text.encode(), grams.fold(text).encode()[2:])
    assert needles[0][2:] != needles[1]
    with records.transaction():
        rows = _add(records, bob, text)
        for number in range(300):
            _add(records, bob, f"filler {number} of many words")
    records.empty_log()
    assert all(needle in pages_opened_with_the_key(path, KEY) for needle in needles)
    with records.transaction():
        records.content.erase(rows)
    records.empty_log()
    assert not any(needle in pages_opened_with_the_key(path, KEY) for needle in needles)
    records.close()


def test_an_older_database_is_indexed_when_it_is_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "database"
    old = Database.open(path, KEY, schema_scripts()[:3])
    old.execute(
        "INSERT INTO contacts (id, relay_key, name, address, identity, device, standing) "
        "VALUES (1, x'00', 'bob', 'a', x'00', x'00', 'contact')"
    )
    for number, (text, kind) in enumerate([("你好", "text"), ("hello", "text"), ("", "route")]):
        old.execute(
            "INSERT INTO messages (contact, outgoing, message_id, seq, kind, text, sent_at, state) "
            "VALUES (1, 0, ?, 1, ?, ?, 1, 'received')",
            (bytes([number]), kind, text),
        )
    old.close()
    records = Records(Database.open(path, KEY))
    assert _texts(records.history.search("好", 1)) == ["你好"]
    records.history.index_anew()
    assert _texts(records.history.search("ell", 1)) == ["hello"]
    records.close()


def test_an_index_of_another_edition_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "database"
    records = Records(Database.open(path, KEY))
    (row,) = _add(records, _contact(records), "hello")
    records._database.execute("INSERT INTO message_index (message_index) VALUES ('delete-all')")
    records.set_own("index", b"0 1.1.0")
    records.close()
    records = Records(Database.open(path, KEY))
    assert records.history.search("hello", row.contact) == [row]
    records.content.erase([row])
    records.close()


def test_what_was_put_in_by_other_means_can_be_deleted(records: Records) -> None:
    bob = _contact(records)
    row = _add(records, bob, "indexed")[0]
    other = replace(row, id=0, message_id=b"o" * 16, text="by other means")
    other = replace(other, id=records.messages.save(other))
    assert records.history.search("means", bob.id) == []
    records.history.index_anew()
    assert records.history.search("means", bob.id) == [other]
    records._database.execute("INSERT INTO message_index (message_index) VALUES ('delete-all')")
    records.content.erase([row, other])
    assert records.history.page(bob.id) == []
