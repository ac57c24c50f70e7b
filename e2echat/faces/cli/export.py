"""``export``: conversations as a person reads them or a program does, whole and page by page."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from e2echat.client.events import Message
from e2echat.errors import StorageError
from e2echat.faces.changes import message_text
from e2echat.faces.cli.options import common, words
from e2echat.faces.cli.session import Session
from e2echat.faces.output import Output, Style
from e2echat.faces.wording import history_record, message_head

if TYPE_CHECKING:
    from e2echat.client.account import Account

AT_ONCE = 200
"""Messages in memory at the same time: of a long history, never all."""


@click.command(short_help="Write conversations out, readable to everybody.")
@click.argument("peer", required=False, callback=words)
@click.option(
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Into a new file of mode 0600, instead of standard output.",
)
@click.option("--disappearing", is_flag=True, help="Messages that are to disappear, too.")
@common()
@click.pass_obj
def export(session: Session, peer: str | None, file: Path | None, disappearing: bool) -> None:  # noqa: FBT001 - click passes by name
    """Write out what was said with PEER, or with everybody, oldest first: text to read, or with --json what history prints.

    What comes of it is not encrypted. Messages that are to disappear are left out.
    """
    with session.open_account(connect=False) as account:
        peers = [peer] if peer else [contact.name for contact in account.contacts()]
        if file is None:
            written, left_out = _export(account, peers, session.out, disappearing=disappearing)
        else:
            with _new_file(file) as stream:
                into = Output(stream, None)
                into.json = session.out.json
                written, left_out = _export(account, peers, into, disappearing=disappearing)
            session.out.result(
                {"type": "exported", "file": str(file.absolute()), "messages": written, "left_out": left_out},
                (Style.STRONG, str(file)),
                f": {_counted(written)}. Whoever can read the file can read all of it.",
            )
    if left_out:
        session.out.note(
            f"{_counted(left_out)} that will disappear left out; with --disappearing the export has them, too."
        )


def _export(account: "Account", peers: list[str], out: Output, *, disappearing: bool) -> tuple[int, int]:
    """How many messages were written, and how many left out."""
    written, left_out = 0, set[str]()
    for peer in peers:
        if not out.json and len(peers) > 1:
            out.line((Style.STRONG, f"== {peer}"))
        for message in _messages(account, peer):
            if message.timer and not disappearing:
                left_out.add(message.id)
                continue
            written += 1
            quoted = message.reply_to
            if quoted is not None and quoted.id in left_out:
                # What is left out is not to be read in the answer to it.
                message = replace(message, reply_to=replace(quoted, text=None))  # noqa: PLW2901 - as it is written
            if out.json:
                out.record(history_record(message))
            else:
                out.text(message_head(message, with_state=True), message_text(message))
    return written, len(left_out)


def _messages(account: "Account", peer: str) -> Iterator[Message]:
    after = 0
    while page := account.page(peer, after=after, limit=AT_ONCE):
        yield from page
        after = page[-1].number


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """A file that was not there, for its owner alone; removed again if the block does not end well.

    Raises:
        StorageError: there is something of that name, or the disk does not take it.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError as error:
        raise StorageError(f"{path} is there already; choose another name, or remove it") from error
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            yield stream
            os.fsync(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StorageError(f"{path}: {error.strerror}") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _counted(number: int) -> str:
    return f"{number:,} message{'' if number == 1 else 's'}"
