"""How the account stands, in words and as objects for programs."""

import dataclasses

from e2echat.client.status import RENEWED_WORDS, RelayAnswer, Status, Versions, span_words
from e2echat.faces.wording import Json, clock, timestamp


def status_record(status: Status, answer: RelayAnswer | None) -> Json:
    """The account and how it stands."""
    return {
        "type": "status",
        "name": status.name,
        "address": status.address,
        "fingerprint": status.fingerprint,
        "connected": status.connected,
        "problem": status.problem,
        "queued": status.queued,
        "unread": status.unread,
        "contacts": status.contacts,
        "one_time_prekeys": status.one_time_prekeys,
        "home": status.home,
        "passphrase": status.passphrase,
        "proxy": status.proxy,
        "process": status.process,
        "oldest_queued": timestamp(status.oldest_queued),
        "local_prekeys": status.local_prekeys,
        "last_backup": timestamp(status.last_backup),
        "size": status.size,
        "free": status.free,
        "versions": None if status.versions is None else dataclasses.asdict(status.versions),
        "renewed": timestamp(status.renewed),
        "round_trip": None if answer is None else round(answer.round_trip, 6),
        "clock_ahead": None if answer is None else round(answer.clock_ahead, 3),
    }


def status_lines(status: Status, answer: RelayAnswer | None = None) -> list[tuple[str, str]]:
    """The same for people: what, and how it is. ``answer``: the relay's, if it was asked."""
    prekeys = (
        "unknown while not connected"
        if status.one_time_prekeys is None
        else f"{status.one_time_prekeys} at the relay, {status.local_prekeys} kept here"
    )
    since = f", the oldest since {clock(status.oldest_queued)}" if status.oldest_queued else ""
    return [
        ("account", status.name),
        ("relay", status.address),
        ("connection", connection_words(status)),
        *([] if answer is None else _answer_lines(answer)),
        ("proxy", status.proxy or "none"),
        ("fingerprint", status.fingerprint),
        ("queued", f"{status.queued}{since}"),
        ("unread", str(status.unread)),
        ("contacts", str(status.contacts)),
        ("one-time prekeys", prekeys),
        ("profile", f"{status.home}, {mebibytes(status.size)}; {mebibytes(status.free)} free"),
        ("last backup", clock(status.last_backup) if status.last_backup else "none"),
        *([("older state", f"{clock(status.renewed)}: {RENEWED_WORDS}")] if status.renewed else []),
        ("owned by", f"process {status.process}"),
        (
            "passphrase",
            "yes" if status.passphrase else "no: whoever can read the profile can read everything",
        ),
        *([] if status.versions is None else [("versions", version_words(status.versions))]),
    ]


def _answer_lines(answer: RelayAnswer) -> list[tuple[str, str]]:
    side = "ahead of" if answer.clock_ahead > 0 else "behind"
    return [
        ("round trip", f"{answer.round_trip * 1000:.1f} ms"),
        ("relay's clock", f"{span_words(abs(answer.clock_ahead))} {side} this machine's"),
    ]


def version_words(versions: Versions) -> str:
    """What a process is made of."""
    return (
        f"e2echat {versions.e2echat}, protocol {versions.protocol}, Python {versions.python}, SQLCipher {versions.sqlcipher}, "
        f"SQLite {versions.sqlite}, PyNaCl {versions.pynacl}, cryptography {versions.cryptography}"
    )


def mebibytes(number: int) -> str:
    """Bytes, for people."""
    return f"{number / (1 << 20):,.1f} MiB"


def connection_words(status: Status) -> str:
    """Whether there is a connection, and if not, why."""
    return "connected" if status.connected else f"not connected ({status.problem or 'no answer yet'})"
