"""The storage thread: takes a batch of work, makes it durable in one transaction, gives it back.

One batch is under way at a time; what comes in meanwhile waits at the switchboard and goes as the next one, so
that transactions grow with the load and no timer is needed.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from e2echat.errors import DamagedStorageError, StorageError
from e2echat.relay.accounts import Accounts
from e2echat.relay.counters import Counters
from e2echat.relay.mailboxes.base import Mailboxes
from e2echat.relay.work import (
    AppendSegment,
    CompactSegment,
    DropSegment,
    ForDirectory,
    GiveBack,
    Mark,
    ReadStretches,
    RemoveAccount,
    Request,
    Result,
    SaveAccount,
    SaveClock,
    SavePrekeys,
    SaveToken,
    TakePrekey,
    Work,
)

_log = logging.getLogger(__name__)
_ATTEMPTS = 8
"""At a batch: with each, one change that met damage is left out."""


def carry_out(work: Sequence[Work], mailboxes: Mailboxes, accounts: Accounts) -> None:
    """Do a batch: all changes or none of them, durable on return. Reads, and what meets damage, fail alone."""
    changes = [item for item in work if not isinstance(item.request, ReadStretches)]
    for _ in range(_ATTEMPTS):
        _change(changes, mailboxes, accounts)
        if not any(item.failed for item in changes):
            break
        # Tidying up can wait. So however much of it meets damage, it costs a batch one attempt.
        _fail([item for item in changes if isinstance(item.request, DropSegment | CompactSegment)])
        changes = [item for item in changes if not item.failed]
        if not changes:
            break
    else:
        _fail(changes)
    for item in work:
        if isinstance(item.request, ReadStretches):
            _read(item, item.request, mailboxes)


def _change(changes: Sequence[Work], mailboxes: Mailboxes, accounts: Accounts) -> None:
    """Do all changes or none of them. One that met damage is the only one to fail: without it the others may succeed."""
    item: Work | None = None
    try:
        for item in changes:
            item.result = _carry_out(item.request, mailboxes, accounts)
        item = None
        if changes:
            mailboxes.commit()
    except StorageError as error:
        damaged = item is not None and isinstance(error, DamagedStorageError)
        failed = [item] if item and damaged else changes
        _log.error("storage: nothing of a batch of %d was kept: %s", len(failed), error)
        _fail(failed, damaged=damaged)
        try:
            mailboxes.rollback()
        except StorageError as second:
            _log.error("storage: %s", second)


def _fail(changes: Sequence[Work], *, damaged: bool = False) -> None:
    for item in changes:
        item.failed, item.damaged, item.result = True, item.damaged or damaged, None


def _read(item: Work, request: ReadStretches, mailboxes: Mailboxes) -> None:
    bodies: list[bytes | None] = []
    try:
        for stretch in request.stretches:
            try:
                bodies.append(mailboxes.read(stretch))
            except DamagedStorageError as error:
                _log.error("storage: %s", error)
                bodies.append(None)
    except StorageError as error:
        _log.error("storage: %s", error)
        item.failed = True
    else:
        item.result = bodies


def _carry_out(request: Request, mailboxes: Mailboxes, accounts: Accounts) -> Result:
    match request:
        case AppendSegment():
            mailboxes.append(request.row, request.body)
        case Mark():
            mailboxes.mark(request.places)
        case DropSegment():
            mailboxes.drop(request.number)
        case CompactSegment():
            mailboxes.compact(request.number)
        case GiveBack():
            return mailboxes.give_back()
        case ReadStretches():
            raise TypeError("reads have no part in a transaction")
        case _:
            return _carry_out_for_directory(request, accounts)
    return None


def _carry_out_for_directory(request: ForDirectory, accounts: Accounts) -> Result:
    match request:
        case SaveAccount():
            accounts.save(request)
        case RemoveAccount():
            accounts.remove(request)
        case SavePrekeys():
            accounts.publish(request)
        case TakePrekey():
            return accounts.take(request)
        case SaveToken():
            accounts.save_token(request)
        case SaveClock():
            accounts.save_clock(request.today)
    return None


class StorageThread:
    """Runs ``carry_out`` on a thread of its own."""

    def __init__(
        self,
        mailboxes: Mailboxes,
        accounts: Accounts,
        report: Callable[[Sequence[Work]], None],
        counters: Counters,
    ) -> None:
        """``report`` is called on the storage thread with each batch that is through."""
        self._counters = counters
        self._mailboxes = mailboxes
        self._accounts = accounts
        self._report = report
        self._batches: queue.SimpleQueue[Sequence[Work] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="relay-storage")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, work: Sequence[Work]) -> None:
        """Hand over the next batch; the one before must be through."""
        self._batches.put(work)

    def require_alive(self) -> None:
        """Nothing is ever made durable again if the thread has died, so nothing may go on.

        Raises:
            RuntimeError: it has; its own traceback says why.
        """
        if not self._thread.is_alive():
            raise RuntimeError("the storage thread has died")

    def stop(self) -> None:
        """End the thread behind the batch under way."""
        self._batches.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (work := self._batches.get()) is not None:
            begun = time.monotonic()
            carry_out(work, self._mailboxes, self._accounts)
            failed = any(item.failed for item in work)
            self._counters.committed(time.monotonic() - begun, failed=failed)
            self._report(work)
