"""What is wrong with a profile, its account and its relay, and what mends it: also of one that cannot be opened.

First what needs no passphrase and opens nothing, then what the open account says. Nothing is changed here but what opening a
profile mends anyhow.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from e2echat import __version__
from e2echat.client.account import Account
from e2echat.client.findings import Finding, State
from e2echat.client.prekey_supply import REPLENISH_BELOW
from e2echat.client.standing import free_at, size_of, versions
from e2echat.client.status import RENEWED_WORDS, RelayAnswer, Versions
from e2echat.errors import (
    DamagedStorageError,
    E2EChatError,
    NewerStorageError,
    NoProfileError,
    ProfileBusyError,
    RefusedError,
    RelayUnreachableError,
    StorageError,
    UnsafeProfileError,
    WrongClockError,
    WrongPassphraseError,
    WrongRelayError,
)
from e2echat.store.flaws import Flaw, flaws
from e2echat.store.private_files import disk_errors, read_private
from e2echat.store.profile import Profile
from e2echat.store.vault import MAX_VAULT, needs_passphrase
from e2echat.unix_sockets import peer_of, reachable

LEAST_FREE = 64 << 20
"""Bytes on the disk, below which nothing is promised: a backup, or the log of a busy day."""
WAITED_LONG = timedelta(days=1)
BACKUP_LASTS = timedelta(days=30)
RENEWED_LATELY = timedelta(days=30)
INIT = "e2echat init NAME --relay ADDRESS"
DELETE = "e2echat delete-account --local-only"
UPGRADE = "pipx install --force ./e2echat-*.whl"
RESTORE = "e2echat --home NEW restore FILE"


def checkup(
    home: Path, open_account: Callable[[], AbstractContextManager[Account]], timeout: float
) -> Iterator[Finding]:
    """Everything that is looked at, in the order in which it depends on each other.

    Args:
        home: the profile's directory, which may not be there.
        open_account: called once what needs no passphrase has been looked at, unless that is in the way.
        timeout: seconds for the relay.
    """
    said: set[str] = set()
    for found in _findings(home, open_account, timeout):
        if isinstance(found.error, StorageError) and found.words in said:
            yield _unseen(found.check, "for the same reason")
            continue
        said.add(found.words)
        yield found


def _findings(
    home: Path, open_account: Callable[[], AbstractContextManager[Account]], timeout: float
) -> Iterator[Finding]:
    own, home = versions(), home.absolute()
    yield _fine("versions", f"e2echat {own.e2echat}, protocol {own.protocol}, {_libraries(own)}")
    for check, look in _OF_FILES.items():
        found = _found(check, partial(look, home))
        yield found
        if found.error is not None:
            return
    yield _found("disk", lambda: _disk(home))
    try:
        with open_account() as account:
            yield _found("database", lambda: _database(account))
            yield from _relay(account, timeout)
            for check, ask in _OF_ACCOUNT.items():
                yield _found(check, partial(ask, account))
    except E2EChatError as error:
        yield _not_opened(home, error)
        yield _unseen("relay", "where it is stands in the database")


def _not_opened(home: Path, error: E2EChatError) -> Finding:
    match error:
        case WrongPassphraseError():
            command = "E2ECHAT_PASSPHRASE_FILE=FILE e2echat doctor"
            return Finding("account", State.UNKNOWN, f"locked: {error}", command, error)
        case ProfileBusyError():
            return _wrong("account", error, f"kill {Profile(home).holder}")
        case StorageError():
            return _wrong("database", error)
    return _wrong("account", error)


# --- without opening anything -----------------------------------------------------------------------------------------


def _profile(home: Path) -> Finding:
    profile = Profile(home)
    try:
        profile.require_vault()
    except NoProfileError as error:
        return _wrong("profile", error, DELETE if os.path.lexists(profile.vault) else None)
    return _fine("profile", f"{home}, {_bytes(size_of(home))}")


def _permissions(home: Path) -> Finding:
    with disk_errors(home):
        found = list(flaws(home))
    foreign = next((flaw for flaw in found if flaw.right_mode is None), None)
    if foreign is not None:
        error = UnsafeProfileError(f"{foreign.path} is a link or another user's")
        return _wrong("permissions", error, f"ls -ld {foreign.path}")
    if not found:
        return _fine("permissions", "nobody else can read it")
    # As any command does that opens the profile.
    Profile.open(home)
    return Finding("permissions", State.MENDED, f"changed, {', '.join(map(_flaw_words, found))}")


def _flaw_words(flaw: Flaw) -> str:
    return f"{flaw.path.name} from {flaw.mode:04o} to {flaw.right_mode:04o}"


def _vault(home: Path) -> Finding:
    if needs_passphrase(read_private(Profile(home).vault, MAX_VAULT)):
        return _fine("vault", "under a passphrase")
    words = "without a passphrase: whoever can read the profile can read everything"
    return Finding("vault", State.WARNING, words, "e2echat passphrase")


def _process(home: Path) -> Finding:
    profile = Profile(home)
    served = _server(profile.socket)
    if served is not None:
        return _fine("process", f"process {served} holds the profile")
    holder = profile.holder
    if holder is not None:
        return _fine("process", f"process {holder} holds the profile, and does not serve it yet")
    if profile.socket.exists():
        return _fine("process", "nobody has the profile open; who did was killed, and the next one cleans up")
    return _fine("process", "nobody has the profile open")


def _server(path: Path) -> int | None:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as asking, reachable(path) as name:
        asking.settimeout(0.5)
        asking.connect(name)
        return peer_of(asking)[0]
    return None


def _disk(home: Path) -> Finding:
    free = free_at(home)
    if free < LEAST_FREE:
        error = StorageError(f"the disk is full but for {_bytes(free)}; what arrives may not be kept")
        return _wrong("disk", error, f"df -h {home}")
    return _fine("disk", f"{_bytes(free)} free")


# --- of the open account ----------------------------------------------------------------------------------------------


def _database(account: Account) -> Finding:
    account.check_database()
    return _fine("database", "every page is sound")


def _relay(account: Account, timeout: float) -> Iterator[Finding]:
    try:
        answer = account.ask_relay(timeout=timeout)
    except E2EChatError as error:
        found = _wrong("relay", error)
        yield replace(found, words=f"{account.address}: {found.words}")
        for check in ("clock", "sign-in"):
            yield _unseen(check, "the relay does not answer")
        return
    yield _fine("relay", f"{answer.address} answers in {answer.round_trip * 1000:.1f} ms")
    yield _clock(answer)
    yield _found("sign-in", lambda: _sign_in(account, timeout))


def _clock(answer: RelayAnswer) -> Finding:
    if not answer.clocks_agree:
        return _wrong("clock", WrongClockError(answer.clock_words), "timedatectl set-ntp true")
    return _fine("clock", answer.clock_words)


def _sign_in(account: Account, timeout: float) -> Finding:
    account.catch_up(timeout)
    account.require_connection()
    return _fine("sign-in", f"{account.name} is signed in")


def _queue(account: Account) -> Finding:
    now = account.status()
    if now.oldest_queued is None:
        return _fine("queue", "empty")
    words = f"{now.queued} to be sent, the oldest since {now.oldest_queued:%Y-%m-%d %H:%M} UTC"
    if datetime.now(UTC) - now.oldest_queued > WAITED_LONG:
        return Finding("queue", State.WARNING, words, "e2echat daemon")
    return _fine("queue", words)


def _keys(account: Account) -> Finding:
    changed = [contact.name for contact in account.contacts() if contact.key_changed]
    if not changed:
        return _fine("keys", "no contact's key has changed")
    words = f"the key has changed of {', '.join(changed)}: what you write to them is held until you accept it"
    return Finding("keys", State.WARNING, words, f"e2echat verify {changed[0]}")


def _copy(account: Account) -> Finding:
    renewed = account.status().renewed
    if renewed is None:
        return _fine("copy", "it was never found to be a copy, nor older than it had been")
    words = f"{RENEWED_WORDS} ({renewed:%Y-%m-%d %H:%M} UTC)"
    state = State.WARNING if datetime.now(UTC) - renewed <= RENEWED_LATELY else State.FINE
    return Finding("copy", state, words)


def _prekeys(account: Account) -> Finding:
    now = account.status()
    at_relay = now.one_time_prekeys
    if at_relay is None:
        return _unseen("prekeys", f"not signed in; {now.local_prekeys} are kept here")
    words = f"{at_relay} at the relay, {now.local_prekeys} kept here"
    if at_relay < REPLENISH_BELOW:
        words += ": without any, first messages to you have reduced forward secrecy"
        return Finding("prekeys", State.WARNING, words, "e2echat daemon")
    return _fine("prekeys", words)


def _backup(account: Account) -> Finding:
    last = account.status().last_backup
    if last is None:
        return Finding("backup", State.WARNING, "none was made from this profile", "e2echat backup FILE")
    words = f"made on {last:%Y-%m-%d}"
    if datetime.now(UTC) - last > BACKUP_LASTS:
        return Finding("backup", State.WARNING, words, "e2echat backup FILE")
    return _fine("backup", words)


def _owner(account: Account) -> Finding:
    now = account.status()
    if now.process == os.getpid():
        return _fine("owner", "this process")
    theirs = now.versions.e2echat if now.versions is not None else "of an earlier version"
    words = f"process {now.process} has the profile open: e2echat {theirs}"
    if theirs != __version__:
        words += f", and this is {__version__}; start it again"
        return Finding("owner", State.WARNING, words, f"kill {now.process}")
    return _fine("owner", words)


_OF_FILES = {"profile": _profile, "permissions": _permissions, "vault": _vault, "process": _process}
_OF_ACCOUNT = {
    "queue": _queue,
    "keys": _keys,
    "copy": _copy,
    "prekeys": _prekeys,
    "backup": _backup,
    "owner": _owner,
}


# --- in words ---------------------------------------------------------------------------------------------------------


def _libraries(own: Versions) -> str:
    libraries = {
        "SQLCipher": own.sqlcipher,
        "SQLite": own.sqlite,
        "PyNaCl": own.pynacl,
        "cryptography": own.cryptography,
    }
    return ", ".join(f"{name} {number}" for name, number in ({"Python": own.python} | libraries).items())


def _bytes(number: int) -> str:
    return f"{number / (1 << 20):,.1f} MiB"


def _fine(check: str, words: str) -> Finding:
    return Finding(check, State.FINE, words)


def _unseen(check: str, words: str) -> Finding:
    return Finding(check, State.UNKNOWN, f"not looked at: {words}")


def _wrong(check: str, error: E2EChatError, command: str | None = None) -> Finding:
    return Finding(check, State.WRONG, str(error), command or _command(error), error)


def _command(error: E2EChatError) -> str | None:
    match error:
        case NoProfileError():
            return INIT
        case NewerStorageError():
            return UPGRADE
        case DamagedStorageError():
            return RESTORE
        case WrongRelayError() | RelayUnreachableError():
            return "e2echat proxy PROXY" if getattr(error, "why", "") == "proxy" else "e2echat move ADDRESS"
        case RefusedError(reason="stale"):
            return RESTORE
    return None


def _found(check: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except E2EChatError as error:
        return _wrong(check, error)
