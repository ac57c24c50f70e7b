"""What opens an account, and who has it: a part of ``Account``."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from e2echat.client.methods import served
from e2echat.errors import NoProfileError
from e2echat.store.profile import Profile

if TYPE_CHECKING:
    # At run time it brings all of the cryptography with it, which who calls another process does not wait for.
    from e2echat.client.local import LocalAccount
    from e2echat.client.sharing import Sharing


class Custody:
    """The passphrase, locking, and the end."""

    _calls: "LocalAccount"
    _sharing: "Sharing"

    @served
    def change_passphrase(self, former: str | None, new: str | None) -> None:
        """Have the profile open with the passphrase ``new`` from now on, or without any: None. Who has it open goes on.

        Args:
            former: the one it has; not looked at if it has none.
            new: whoever kept a copy of the former vault still opens that with the former passphrase.

        Raises:
            WrongPassphraseError: ``former`` is not the one.
            InvalidPassphraseError: as its docstring says.
        """
        self._calls.change_passphrase(former=former, new=new)

    @served
    def lock(self) -> None:
        """Have every process that has the profile open close it and forget what opens it; this one, too.

        What is called from then on raises LockedError. Receipts that are due leave before, in bounded time.

        Raises:
            LocalError: the profile has no passphrase.
            ProfileBusyError: another process does not let go.
        """
        from e2echat.client.locking import lock  # noqa: PLC0415 - see above

        lock(self._sharing.profile)

    @served
    def seal_place(self, peer: str) -> str:
        """The name ``peer`` as only this account can read it: for a program that is begun anew after a lock, and goes on there."""
        return self._calls.seal_place(peer=peer)

    @served
    def open_place(self, sealed: str) -> str | None:
        """The name that ``seal_place`` has sealed; null if it is none of this account's."""
        return self._calls.open_place(sealed=sealed)

    @served
    def delete_account(self, name: str, *, local_only: bool = False, timeout: float = 30) -> None:
        """Take the account's name from its relay, for good, and remove the profile here. Nobody else is told.

        Whoever has it open is done with it: what is called from then on raises NoProfileError. Files in the profile's directory
        that are not e2echat's stay.

        Args:
            name: the account's own, so that it is not another's.
            local_only: leave the relay alone.
            timeout: seconds that the relay has.

        Raises:
            LocalError: another account's name.
            RelayUnreachableError, WrongRelayError, RefusedError: nothing has changed here; the relay may have lost the name.
            StorageError: what opens the profile is gone, or about to be; not all files are.
        """
        from e2echat.client.locking import await_deletion  # noqa: PLC0415 - see above

        with suppress(NoProfileError):
            self._calls.delete_account(name=name, local_only=local_only, timeout=timeout)
        await_deletion(self._sharing.profile)

    @staticmethod
    def remove_left_over(home: Path) -> bool:
        """Remove what a killed deletion left in ``home``, which nothing opens any more; False if there is no such thing.

        Raises:
            ProfileBusyError, StorageError, UnsafeProfileError: as their docstrings say.
        """
        return Profile.remove_left_over(home)
