"""Where a passphrase comes from: a file for scripts, else the terminal; never an argument."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from e2echat.errors import InvalidPassphraseError, WrongPassphraseError
from e2echat.faces.input import Input
from e2echat.faces.output import Output

FILE_VARIABLE = "E2ECHAT_PASSPHRASE_FILE"
MAX_FILE = 4096
"""Bytes; a longer file is not a passphrase, and a device without end is not read on."""
NEW_FILE_VARIABLE = "E2ECHAT_NEW_PASSPHRASE_FILE"
BACKUP_FILE_VARIABLE = "E2ECHAT_BACKUP_PASSPHRASE_FILE"

_NAME_A_FILE = "name a file with the passphrase in"


class EmptyPassphraseError(InvalidPassphraseError):
    """A passphrase cannot be empty; for a profile without one, say --no-passphrase."""


def known_passphrase(stdin: Input, out: Output) -> str:
    """The passphrase of a profile that is there.

    Raises:
        WrongPassphraseError: the file holds none, or there is no way to ask for it.
    """
    return _known(stdin, out, FILE_VARIABLE, "Passphrase: ")


def may_be_asked(stdin: Input) -> bool:
    """Whether another attempt at the passphrase may come out otherwise."""
    return FILE_VARIABLE not in os.environ and stdin.can_ask_secret()


def known_backup_passphrase(stdin: Input, out: Output) -> str:
    """The passphrase of a backup; see ``known_passphrase``."""
    return _known(stdin, out, BACKUP_FILE_VARIABLE, "Passphrase of the backup: ")


def new_passphrase(stdin: Input, out: Output) -> str:
    """The passphrase of a profile to be made; asked twice, since nobody sees what is typed.

    Raises:
        WrongPassphraseError: the file holds none, or there is no way to ask for it.
        InvalidPassphraseError: empty, or not the same twice.
    """
    return _new(stdin, out, FILE_VARIABLE, "New passphrase: ")


def new_backup_passphrase(stdin: Input, out: Output) -> str:
    """The passphrase of a backup to be made; see ``new_passphrase``."""
    return _new(stdin, out, BACKUP_FILE_VARIABLE, "Passphrase for the backup: ")


def changed_passphrase(stdin: Input, out: Output) -> str:
    """The passphrase that a profile is to have instead of the one it has; see ``new_passphrase``."""
    return _new(stdin, out, NEW_FILE_VARIABLE, "New passphrase: ")


def guided_passphrase(stdin: Input, out: Output, ask: Callable[[str], str]) -> str | None:
    """The passphrase of a first profile, asked for until there is one or the person goes without: None.

    Raises:
        WrongPassphraseError: as for ``new_passphrase``.
    """
    while True:
        try:
            return new_passphrase(stdin, out)
        except EmptyPassphraseError:
            out.note("Without a passphrase, whoever can read the profile can read everything.")
            if ask("Go on without one? [y/N] ").casefold() in ("y", "yes"):
                return None
        except InvalidPassphraseError as error:
            out.error(str(error))


def _known(stdin: Input, out: Output, variable: str, question: str) -> str:
    path = os.environ.get(variable)
    if path:
        return _from_file(Path(path), variable, out)
    return _asked(
        stdin, question, f"It is locked and there is no terminal to ask on; {_NAME_A_FILE} {variable}."
    )


def _new(stdin: Input, out: Output, variable: str, question: str) -> str:
    path = os.environ.get(variable)
    if path:
        return _from_file(Path(path), variable, out)
    without = ", or go without one: --no-passphrase" if variable == FILE_VARIABLE else ""
    refusal = f"There is no terminal to ask for a passphrase on; {_NAME_A_FILE} {variable}{without}."
    first = _asked(stdin, question, refusal)
    if not first:
        raise EmptyPassphraseError
    if _asked(stdin, "Once more: ", refusal) != first:
        raise InvalidPassphraseError("The two are not the same; nothing was made or changed.")
    return first


def _asked(stdin: Input, question: str, refusal: str) -> str:
    if not stdin.can_ask_secret():
        raise WrongPassphraseError(refusal)
    return stdin.secret(question)


def _from_file(path: Path, variable: str, out: Output) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise WrongPassphraseError(f"{variable} cannot be read: {path}: {error.strerror}.") from error
    if stat.S_ISREG(mode) and mode & 0o077:
        out.note(f"The passphrase file is open to other users; mend it with: chmod 600 {path}")
    line, _, rest = raw.partition(b"\n")
    try:
        passphrase = line.removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        raise WrongPassphraseError(f"{path} is not UTF-8.") from error
    if not passphrase or rest or len(raw) > MAX_FILE:
        raise WrongPassphraseError(f"{path} should hold the passphrase on one line, and nothing else.")
    return passphrase
