"""How an account stands."""

import os

from e2echat.client.engine import MAILBOX
from e2echat.client.holding import Holding
from e2echat.client.runtime import Runtime
from e2echat.client.status import Status
from e2echat.crypto.keys import fingerprint_groups


def status_of(holding: Holding, runtime: Runtime) -> Status:
    """The account and how it stands, between two steps."""
    own, records, engine = holding.own, holding.records, runtime.engine
    problem = runtime.failures.get(MAILBOX)
    return Status(
        name=own.name,
        address=str(own.address),
        fingerprint=fingerprint_groups(own.identity.fingerprint),
        connected=engine.signed_in,
        problem=None if problem is None else str(problem),
        queued=records.count_queued(),
        unread=len(records.unshown()),
        contacts=records.contacts.count("WHERE standing = 'contact'"),
        one_time_prekeys=engine.supply.left if engine.signed_in else None,
        home=str(holding.profile.home),
        passphrase=holding.has_passphrase,
        proxy=None if own.proxy is None else str(own.proxy),
        process=os.getpid(),
    )
