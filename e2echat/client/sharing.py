"""One owner, many processes: this one owns the profile, or calls the one that does and takes over when that ends.

The profile's lock says who owns it; its socket leads there. docs/architecture.md, "Processes".
"""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from e2echat.client.backend import Backend, GoneError
from e2echat.client.bequest import Bequest
from e2echat.client.events import Missed
from e2echat.client.remote import Remote
from e2echat.core_dumps import forbid_core_dumps
from e2echat.errors import E2EChatError, LocalError, LockedError, NoProfileError, ProfileBusyError
from e2echat.store.profile import Profile, ProfileLock

if TYPE_CHECKING:
    # At run time only the owner loads what they bring with them: cryptography and the database.
    from e2echat.client.local import LocalAccount
    from e2echat.client.owner import Owner
    from e2echat.store.vault import VaultContents

WAIT = 5.0
"""Seconds in which whoever holds the lock has to serve, or to let go."""
POLL = 0.02
"""Seconds between two attempts to become the owner or to reach it."""


class Sharing:
    """A profile as this process has it. Any thread may call.

    ``passphrase`` is asked when the vault has to be opened here and has one. ``connect``: it needs the relay. ``stays``:
    it takes over by itself, and without a passphrase, as long as it is open; else only when something is called. ``proxy``:
    what relays are to be reached through, other than the account was told. ``upgrading``: see ``Account.open``.
    """

    def __init__(
        self,
        profile: Profile,
        passphrase: Callable[[], str],
        *,
        connect: bool,
        stays: bool,
        proxy: str | None = None,
        bequest: Bequest | None = None,
        upgrading: Callable[[], object] = lambda: None,
    ) -> None:
        if proxy is not None:
            from e2echat.client.socks import chosen_proxy  # noqa: PLC0415 - see above

            self._way = chosen_proxy(proxy)
        self._chose_way = proxy is not None
        forbid_core_dumps()
        self.profile = profile
        self._passphrase = passphrase
        self._connect = connect
        self._stays = stays
        self._vault: VaultContents | None = None
        self._bequest = None if bequest is None else bequest.secrets
        self._upgrading = upgrading
        self._mark: bytes | None = None
        """The profile's mark of being locked as it was when we last were in."""
        self._first_mark = profile.mark.value if bequest is None else bequest.mark
        """As it was before anybody was asked for a passphrase: who locks meanwhile means us, too."""
        self._changed = threading.Condition()
        # Behind it:
        self._owner: Owner | None = None
        self._remote: Remote | None = None
        self._settling = False
        """A thread is about to find or become the owner."""
        self._away = False
        self._closed = False
        self._missed = False
        self._over: E2EChatError | None = None
        """Why nothing can be called any more, but for being closed."""
        self._ending: threading.Thread | None = None

    @classmethod
    def owned(cls, local: "LocalAccount", profile: Profile, *, stays: bool) -> Self:
        """An account that was just made."""
        from e2echat.client.owner import Owner  # noqa: PLC0415 - see above

        sharing = cls(profile, str, connect=True, stays=stays)
        sharing._vault, sharing._mark = local.vault, profile.mark.value
        local.let_go = sharing._end_soon
        sharing._owner = Owner.of(local, profile)
        return sharing

    @property
    def owner(self) -> int | None:
        """The process that owns the profile, if it is another one."""
        with self._changed:
            return None if self._remote is None else self._remote.owner

    def settle(self) -> Backend:
        """Who runs the account's methods now, found or become.

        Raises:
            WrongPassphraseError, StorageError, UnsafeProfileError, NoProfileError: as their docstrings say.
            ProfileBusyError: another process holds the profile and does not serve it.
            LocalError: after ``close``.
            LockedError: the profile was locked since it was opened.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not (self._settling or self._away))
            if self._closed:
                raise LocalError("the account is closed")
            if self._over is not None:
                raise type(self._over)(str(self._over))
            if self._owner is not None:
                return self._owner.local.face
            if self._remote is not None:
                return self._remote
            self._settling = True
        owner = remote = None
        try:
            owner, remote = self._join()
        finally:
            with self._changed:
                self._owner, self._remote, self._settling = owner, remote, False
                self._changed.notify_all()
        return owner.local.face if owner is not None else remote

    def call(self, name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - see ``Backend``
        """See ``Backend``; called again of the next owner, so that it never raises GoneError."""
        began, patience = time.monotonic(), arguments.get("timeout")
        while True:
            backend = self.settle()
            with self._changed:
                missed, self._missed = (
                    self._missed and name == "next_event",
                    self._missed and name != "next_event",
                )
            if missed:
                return Missed()
            try:
                return backend.call(name, arguments)
            except GoneError:
                self._left(backend)
            if patience is not None:
                left = patience - (time.monotonic() - began)
                arguments = arguments | {"timeout": max(0.0, left)}

    def let_go(self) -> None:
        """Leave the profile to others; calls wait until ``take_up``. For a process that is about to be suspended."""
        with self._changed:
            self._changed.wait_for(lambda: not self._settling)
            self._away = True
            owner, self._owner = self._owner, None
            self._missed |= owner is not None
        if owner is not None:
            owner.close()

    def take_up(self) -> None:
        """Go on after ``let_go``."""
        with self._changed:
            self._away = False
            self._changed.notify_all()
        if self._stays:
            self._settle_early()

    def close(self) -> None:
        """Let go of the profile for good. Again does nothing."""
        with self._changed:
            self._changed.wait_for(lambda: not self._settling)
            self._closed = True
            owner, self._owner = self._owner, None
            remote, self._remote = self._remote, None
            self._changed.notify_all()
        if owner is not None:
            owner.close()
        if remote is not None:
            remote.close()
        if self._ending is not None:
            self._ending.join()

    # --- inside ----------------------------------------------------------------------------------------------------

    def _left(self, backend: Backend) -> None:
        """It has gone, and what happened since then is not known."""
        with self._changed:
            if self._remote is backend:
                self._remote = None
                self._missed = True

    def _when_gone(self, remote: Remote) -> None:
        with self._changed:
            # It may end before the one who attached to it has said so.
            self._changed.wait_for(lambda: not self._settling)
        self._left(remote)
        if self._stays:
            self._settle_early()

    def _settle_early(self) -> None:
        # What is wrong is raised where something is called.
        with suppress(E2EChatError):
            self.settle()

    def _end_soon(self, why: E2EChatError) -> None:
        """See ``KeeperMethods.let_go``: on a thread of its own, since the calls of others are waited for."""
        with self._changed:
            if self._ending is None:
                self._ending = threading.Thread(
                    target=self._end, args=(why,), name="e2echat-end", daemon=True
                )
                self._ending.start()

    def _end(self, why: E2EChatError) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._settling)
            self._forget(why)
            owner, self._owner = self._owner, None
            self._changed.notify_all()
        if owner is not None:
            # What is not removed, whoever deletes it finds.
            with suppress(E2EChatError):
                owner.close()
        del owner
        # What refers to itself would keep its keys until Python happens to look.
        gc.collect()

    def _forget(self, why: E2EChatError) -> E2EChatError:
        self._vault = self._bequest = None
        self._over = why
        return why

    def _require_unlocked(self, mark: bytes) -> None:
        if mark != (self._first_mark if self._mark is None else self._mark):
            raise self._forget(LockedError(str(LockedError.__doc__)))
        if self._mark is not None and not self.profile.exists:
            raise self._forget(NoProfileError("the account was deleted"))

    def _join(self) -> "tuple[Owner, None] | tuple[None, Remote]":
        # Asked once, whoever it is for.
        passphrase = cache(self._passphrase)
        deadline = time.monotonic() + WAIT
        while True:
            mark = self.profile.mark.value
            self._require_unlocked(mark)
            try:
                remote = self._attached()
            except LockedError:
                self._have_unlocked(passphrase)
                deadline = time.monotonic() + WAIT
                continue
            if remote is not None:
                self._mark = mark
                return None, remote
            try:
                lock = self.profile.lock(0)
            except ProfileBusyError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(POLL)
                continue
            if self._vault is not None:
                with _released_if_it_fails(lock):
                    # Nobody marks it now who then would not find us.
                    mark = self.profile.mark.value
                    self._require_unlocked(mark)
                self._mark = mark
                return self._owned(lock, self._vault), None
            # Not while it is held: somebody may have to be asked.
            lock.release()
            self._vault = self._unlocked(passphrase)
            deadline = time.monotonic() + WAIT

    def _have_unlocked(self, passphrase: Callable[[], str]) -> None:
        """Somebody holds the profile and waits for its passphrase."""
        if self._mark is not None:
            raise self._forget(LockedError(str(LockedError.__doc__)))
        given = passphrase()
        self._require_unlocked(self.profile.mark.value)
        with suppress(GoneError), closing(Remote(self.profile.socket)) as remote:
            remote.unlock(given)

    def _attached(self) -> Remote | None:
        """A connection to the owner; None if nobody serves."""
        try:
            remote = Remote(self.profile.socket)
        except GoneError:
            return None
        try:
            self._bequest = remote.hello(connect=self._connect, inherit=self._stays) or self._bequest
            if self._chose_way:
                self._require_way(remote)
            remote.watch(self._when_gone)
        except GoneError:
            return None
        except BaseException:
            remote.close()
            raise
        if self._stays:
            threading.Thread(target=_prepare, name="e2echat-prepare", daemon=True).start()
        return remote

    def _require_way(self, remote: Remote) -> None:
        """Nobody who asks for a proxy is connected without one."""
        found: str | None = remote.call("status", {}).proxy
        if found != (None if self._way is None else str(self._way)):
            raise LocalError(
                f"process {remote.owner} has the profile open and reaches relays {f'through {found}' if found else 'directly'}"
            )

    def _unlocked(self, passphrase: Callable[[], str]) -> "VaultContents":
        from e2echat.client.holding import unlock  # noqa: PLC0415 - see above
        from e2echat.store.vault import VaultContents  # noqa: PLC0415 - see above

        if self._bequest is not None:
            return VaultContents.of(bytes.fromhex(self._bequest))
        return unlock(self.profile, passphrase)

    def _owned(self, lock: ProfileLock, vault: "VaultContents") -> "Owner":
        from e2echat.client.holding import Holding  # noqa: PLC0415 - see above
        from e2echat.client.local import LocalAccount  # noqa: PLC0415 - see above
        from e2echat.client.owner import Owner  # noqa: PLC0415 - see above

        holding = Holding.open(self.profile, lock, vault, self._upgrading)
        if self._chose_way:
            holding.own.proxy = self._way
        local = LocalAccount(holding)
        local.let_go = self._end_soon
        owner = Owner.of(local, self.profile)
        if self._connect:
            owner.local.connect()
        return owner


@contextmanager
def _released_if_it_fails(lock: ProfileLock) -> Iterator[None]:
    try:
        yield
    except BaseException:
        lock.release()
        raise


def _prepare() -> None:
    """Load what the next owner needs: most of the time that taking over would take."""
    import e2echat.client.agent  # noqa: PLC0415 - see above
    import e2echat.client.local  # noqa: F401, PLC0415 - see above
