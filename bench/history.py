"""What a long history costs: a search, a page, opening the profile, the disk; and how each grows. `python -m bench.history`."""

import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from e2echat.client.account import Account
from e2echat.client.engine import Engine
from e2echat.client.holding import Holding, unlock
from e2echat.client.views import Views
from e2echat.crypto.keys import Device, ExchangeKey, Identity, SigningKey
from e2echat.crypto.primitives import SystemRandomness
from e2echat.store.database import Database
from e2echat.store.profile import Profile
from e2echat.store.records import Records
from e2echat.store.rows import ContactRow
from e2echat.wire.address import JoinAddress

SIZES = (10_000, 1_000_000)
PEOPLE = 50
ROUNDS = 9
NOW = 1_800_000_000_000
RELAY = f"relay://{'a' * 52}@localhost:7443"
RESULTS = Path(__file__).with_name("results") / "history.md"
AIMS = {"a search": 50.0, "the first page": 5.0, "opening": 150.0}
"""Milliseconds at the last of ``SIZES``."""

_LETTERS = {
    "latin": ("etaoinshrdlucmfwypvbgkjqxz", 20_000, (2, 9), " "),
    "cyrillic": ("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэф", 8_000, (2, 9), " "),
    "han": ("".join(map(chr, range(0x4E00, 0x59B8))), 3_000, (1, 2), ""),
    "thai": ("".join(map(chr, range(0x0E01, 0x0E2F))), 4_000, (2, 5), ""),
}
_SHARES = (60, 15, 17, 8)


class Corpus:
    """Texts of four scripts, words by Zipf's law, the same ones every time: on average 67 bytes."""

    def __init__(self) -> None:
        self._random = random.Random(7)
        self.words = {name: self._vocabulary(*how[:3]) for name, how in _LETTERS.items()}

    def texts(self, number: int) -> Iterator[str]:
        for name in self._random.choices(list(_LETTERS), _SHARES, k=number):
            count = max(1, int(self._random.lognormvariate(1.9, 0.8)))
            words = self.words[name]
            picked = (
                words[min(int(len(words) ** self._random.random()) - 1, len(words) - 1)] for _ in range(count)
            )
            yield _LETTERS[name][3].join(picked)

    def _vocabulary(self, letters: str, number: int, length: tuple[int, int]) -> list[str]:
        return [
            "".join(self._random.choices(letters, k=self._random.randint(*length))) for _ in range(number)
        ]


def _person(records: Records, name: str) -> ContactRow:
    randomness = SystemRandomness()
    key, exchange = SigningKey.generate(randomness), ExchangeKey.generate(randomness)
    identity = Identity.create(key, name)
    device = Device.create(key, identity, NOW // 1000, exchange.public)
    return records.add_contact(
        ContactRow(0, bytes(32), name, RELAY, identity.raw, device.raw, "contact", verified_at=NOW)
    )


def build(home: Path, size: int) -> Corpus:
    """A profile with ``size`` messages in ``PEOPLE`` conversations, all of them read."""
    corpus = Corpus()
    holding = Holding.create(home, "alice", JoinAddress.parse(RELAY), None, NOW, SystemRandomness())
    database: Database = holding.records._database  # noqa: SLF001 - rows by the million, past what makes them one by one
    with holding.records.transaction():
        people = [_person(holding.records, f"person{number}") for number in range(PEOPLE)]
    number = 0
    texts = corpus.texts(size)
    while number < size:
        with holding.records.transaction():
            for text in islice(texts, 20_000):
                number += 1
                database.execute(
                    "INSERT INTO messages (contact, outgoing, message_id, seq, kind, text, sent_at, received_at, state, "
                    "shown, verified, device_hash, sid, chain, kem_epoch, size) "
                    "VALUES (?, ?, ?, ?, 'text', ?, ?, ?, ?, 1, 1, ?, ?, ?, 3, 2048)",
                    (
                        people[number % PEOPLE].id,
                        number & 1,
                        number.to_bytes(16),
                        number,
                        text,
                        NOW + number,
                        NOW + number,
                        "read" if number & 1 else "received",
                        bytes(32),
                        bytes(32),
                        number // 10,
                    ),
                )
    with holding.records.transaction():
        holding.records.history.index_anew()
    holding.records.empty_log()
    holding.release()
    return corpus


def _milliseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    taken = []
    work()
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begin) * 1000)
    return median(taken)


def _plain(home: Path, size: int) -> float:
    """Bytes a message of a plain SQLite table of the same texts with who, when and an index by conversation."""
    path = home.with_suffix(".plain")
    database = sqlite3.connect(path)
    database.execute(
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, contact INT, outgoing INT, sent_at INT, text TEXT)"
    )
    rows = (
        (number % PEOPLE, number & 1, NOW + number, text) for number, text in enumerate(Corpus().texts(size))
    )
    database.executemany("INSERT INTO messages (contact, outgoing, sent_at, text) VALUES (?, ?, ?, ?)", rows)
    database.execute("CREATE INDEX by_contact ON messages (contact, id)")
    database.commit()
    database.close()
    return path.stat().st_size / size


def measure(size: int) -> dict[str, float]:
    """Milliseconds by what is done, the searches' worst under ``a search``, and bytes a message."""
    with TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        corpus = build(home, size)

        def opened() -> Holding:
            profile = Profile.open(home)
            return Holding.open(profile, profile.lock(), unlock(profile, str))

        def open_and_look() -> None:
            holding = opened()
            Views(Engine(holding.records, holding.own, SystemRandomness()).context).contacts()
            holding.release()

        figures = {
            "opening": _milliseconds(lambda: opened().release()),
            "opening, with the contacts": _milliseconds(open_and_look),
        }
        holding = opened()
        history, views = (
            holding.records.history,
            Views(Engine(holding.records, holding.own, SystemRandomness()).context),
        )
        latin, han, thai = (corpus.words[name] for name in ("latin", "han", "thai"))
        searches = {
            "a common word": next(word for word in latin if len(word) > 4),
            "a rare word": next(word for word in latin[15_000:] if len(word) > 6),
            "two words": f"{latin[0]} {latin[40]}",
            "half a word": next(word for word in latin if len(word) > 7)[2:6],
            "two letters": latin[3][:2],
            "one letter": "e",
            "a Chinese character": han[0][0],
            "two Chinese characters": han[2] + han[3],
            "a Thai word": thai[5],
            "no such word": "zqxzqxzqx",
        }
        for what, words in searches.items():
            figures[f"search: {what}"] = _milliseconds(lambda words=words: history.ranked(words, None, 20))  # type: ignore[misc]
            figures[f"search with one person: {what}"] = _milliseconds(
                lambda words=words: history.search(words, 7, limit=20)  # type: ignore[misc]
            )
        figures["a search"] = max(value for what, value in figures.items() if what.startswith("search"))
        figures["the first page"] = _milliseconds(lambda: views.messages(history.page(7, limit=50)))
        holding.release()
        figures |= _backup(home)
        figures["bytes a message of a backup"] = home.with_suffix(".backup").stat().st_size / size
        figures["bytes a message"] = (home / "database").stat().st_size / size
        figures["bytes a message, plain SQLite"] = _plain(home, size)
        return figures


def _backup(home: Path) -> dict[str, float]:
    """A backup of the profile, while another thread reads a page of a conversation over and over."""
    waits: list[float] = []
    over = threading.Event()
    with Account.open(home, str, connect=False) as account:
        account.status()

        def read() -> None:
            while not over.wait(0.01):
                begin = time.perf_counter()
                account.history("person7", limit=50)
                waits.append((time.perf_counter() - begin) * 1000)

        reader = threading.Thread(target=read)
        # The most that the process had so far is forgotten: proc_pid_clear_refs(5).
        Path("/proc/self/clear_refs").write_text("5")
        before = _most_memory()
        reader.start()
        begin = time.perf_counter()
        account.backup(str(home.with_suffix(".backup")), "of its own")
        taken = time.perf_counter() - begin
        over.set()
        reader.join()
        return {
            "status": _milliseconds(account.status),
            "a backup": taken * 1000,
            "a page meanwhile: the median": median(waits),
            "a page meanwhile: the longest": max(waits),
            "MiB that a backup takes, 256 for Argon2id": _most_memory() - before,
            "checking every page": _milliseconds(account.check_database, 1),
        }


def _most_memory() -> float:
    """MiB that this process has had at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def table(sizes: tuple[int, ...], taken: list[dict[str, float]]) -> str:
    """The figures as a page."""
    rows = [
        "# A long history: figures\n",
        "Written by `python -m bench.history --keep`; how they are taken: [README](../README.md). Milliseconds, where nothing else is said.\n",
        f"| | {' | '.join(f'{size:,} messages' for size in sizes)} | growth | aim |",
        f"|---|{'---|' * len(sizes)}---|---|",
    ]
    for what in taken[0]:
        values = [each[what] for each in taken]
        aim = AIMS.get(what)
        verdict = f"< {aim:g}: {'met' if values[-1] < aim else 'MISSED'}" if aim else ""
        shown = " | ".join(f"{value:,.2f}" for value in values)
        rows.append(f"| {what} | {shown} | {values[-1] / values[0]:.1f} x | {verdict} |")
    return "\n".join(rows) + "\n"


def report(sizes: tuple[int, ...] = SIZES, *, keep: bool = False) -> None:
    """Print a column a size; ``keep``: and write it down."""
    taken = [measure(size) for size in sizes]
    if keep:
        RESULTS.write_text(table(sizes, taken))
    print(
        f"\nA history of {' and '.join(f'{size:,}' for size in sizes)} messages: milliseconds, and how they grow"
    )
    for what in taken[0]:
        values = [each[what] for each in taken]
        aim = AIMS.get(what)
        verdict = f"  below {aim:g}: {'yes' if values[-1] < aim else 'NO'}" if aim else ""
        print(
            "".join(f"{value:>10.2f}" for value in values),
            f"{values[-1] / values[0]:>7.1f} x  {what}{verdict}",
        )


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--keep"]
    report(tuple(map(int, words)) or SIZES, keep="--keep" in sys.argv)
