"""What every command works with: where the profile is, the ways in and out, and the account."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from e2echat.faces.cli.passphrase import known_passphrase
from e2echat.faces.input import Input
from e2echat.faces.locking import start_over
from e2echat.faces.output import Output
from e2echat.faces.suspension import stop_process, suspend, suspendable

if TYPE_CHECKING:
    # `--help` does not wait for it.
    from e2echat.client.account import Account
    from e2echat.client.bequest import Bequest
    from e2echat.client.status import RelayAnswer

PROXY_VARIABLE = "E2ECHAT_PROXY"


def load_account_class() -> "type[Account]":
    """The client library's account: the one place where the command line reaches for it."""
    from e2echat.client.account import Account  # noqa: PLC0415 - see above

    return Account


@dataclass(slots=True)
class Session:
    """One run of a command. ``account_class`` is where tests put an account of their own."""

    out: Output
    stdin: Input
    account_class: "Callable[[], type[Account]]" = load_account_class
    chosen_home: Path | None = None
    start_over: Callable[[Sequence[str]], NoReturn] = start_over
    """What a process does whose profile was locked under it, and that stays."""

    @property
    def home(self) -> Path:
        """The profile's directory."""
        if self.chosen_home:
            return self.chosen_home
        from platformdirs import user_data_path  # noqa: PLC0415 - only for who does not say where

        return user_data_path("e2echat", appauthor=False)

    @contextmanager
    def open_account(
        self,
        *,
        connect: bool = True,
        stays: bool = False,
        ask: Callable[[], str] | None = None,
        bequest: "Bequest | None" = None,
    ) -> Iterator["Account"]:
        """The account that is there; asks for its passphrase if it has one. ``stays``: for as long as the person likes.

        ``ask``: where the passphrase comes from, if not as usual. ``bequest``: see ``Account.open``.

        Raises:
            NoProfileError, WrongPassphraseError, ProfileBusyError, StorageError: see ``Account.open``.
        """
        # Held while the account is being opened, but not while somebody thinks about a passphrase: to be stopped
        # in the middle of it would hold up everybody else.
        opening = threading.Lock()
        opened: list[Account] = []

        def stop() -> None:
            with opening:
                if opened:
                    suspend(opened[0])
                else:
                    stop_process()

        known = ask or (lambda: known_passphrase(self.stdin, self.out))

        def passphrase() -> str:
            if opened:
                return known()
            opening.release()
            try:
                return known()
            finally:
                opening.acquire()

        with suspendable(stop):
            with opening, self.stdin.unseen():
                way = os.environ.get(PROXY_VARIABLE) or None
                made = self.account_class()
                opened.append(
                    made.open(
                        self.home,
                        passphrase,
                        connect=connect,
                        stays=stays,
                        proxy=way,
                        bequest=bequest,
                        upgrading=self._say_upgrade,
                    )
                )
            with opened[0] as account:
                yield account

    def _say_upgrade(self) -> None:
        self.out.note(
            "-- The history is being brought up to date for this version of e2echat, once; that may take a while.",
            indent=3,
        )

    def try_relay(self, relay: str, proxy: str | None = None) -> "RelayAnswer":
        """See ``Account.try_relay``."""
        return self.account_class().try_relay(relay, proxy or os.environ.get(PROXY_VARIABLE) or None)

    def create_account(
        self, name: str, relay: str, passphrase: str | None, proxy: str | None = None
    ) -> "Account":
        """A new account, open and connected; a refusal leaves no profile.

        Raises:
            RefusedError, RelayUnreachableError, LocalError: see ``Account.create``.
        """
        proxy = proxy or os.environ.get(PROXY_VARIABLE) or None
        return self.account_class().create(self.home, name, relay, passphrase, proxy=proxy, stays=True)

    def ask(self, question: str, meanwhile: Callable[[], object] | None = None) -> str:
        """A line typed in answer, without spaces around it. ``meanwhile``: see ``Input.line``.

        Raises:
            EOFError: no answer.
        """
        self.out.prompt(question)
        return self.stdin.line(meanwhile).strip()
