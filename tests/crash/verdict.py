"""Whether a relay that was stopped in whatever way kept what it had promised."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from e2echat.relay.limits import Limits
from e2echat.relay.opening import DATABASE_FILE
from e2echat.relay.server import Relay
from e2echat.relay.tokens import Registration
from e2echat.wire import frames
from e2echat.wire import relay_messages as messages
from e2echat.wire.relay_messages import Refusal
from tests.crash.scenario import Stage
from tests.crash.witness import Witness
from tests.helpers.relay_world import Account


@contextmanager
def reopened(data: Path, accounts: list[Account]) -> Iterator[Stage]:
    """The relay of ``data``, in this process, without strace and as a new start finds it."""
    relay = Relay(data, tls=False, registration=Registration.TOKEN, limits=Limits(log_bytes=0))
    relay.start()
    try:
        stage = Stage(relay.address, data, Witness())
        stage.accounts = accounts
        yield stage
    finally:
        relay.stop()


def require_kept(data: Path, witness: Witness, accounts: list[Account]) -> None:
    """Start the relay in ``data`` again and hold it to everything that ``witness`` heard."""
    with reopened(data, accounts) as stage:
        for name in witness.asked:
            if name not in witness.removing:
                _require_name(stage, witness, name)
                _require_mail(stage, witness, name)
        for name in witness.removed:
            _require_gone(stage, next(account for account in accounts if account.name == name))
        if witness.offered:
            _require_prekeys(stage, witness, "bob")
    with closing(sqlite3.connect(data / DATABASE_FILE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _require_name(stage: Stage, witness: Witness, name: str) -> None:
    """A claim that was answered holds; and one that was not can be made again, with the same token, once."""
    versions = {account.claim().claim: account for account in stage.accounts if account.name == name}
    answered = witness.claimed.get(name)
    latest = witness.asked[name][-1]
    if answered is latest:
        with stage.connect() as client:
            client.sign_in(versions[latest.claim])
    with stage.connect() as client:
        client.ask(latest, messages.Done)
    with stage.connect() as client:
        client.sign_in(versions[latest.claim])
    stranger = Account(f"{name}2", stage.address.key)
    with stage.connect() as client:
        refused = client.ask(stranger.claim(witness.asked[name][0].token), messages.Refused)
    assert refused.reason == Refusal.REGISTRATION_CLOSED


def _require_gone(stage: Stage, account: Account) -> None:
    with stage.connect() as client:
        assert client.ask(account.claim(), messages.Refused).reason == Refusal.NAME_TAKEN
    with stage.connect() as client:
        answer = client.ask(account.authenticate(client.hello), messages.Refused)
        assert answer.reason == Refusal.NOT_AUTHENTICATED


def _owner(stage: Stage, witness: Witness, name: str) -> Account:
    """Who claimed the name last."""
    return next(each for each in stage.accounts if each.claim().claim == witness.asked[name][-1].claim)


def _require_prekeys(stage: Stage, witness: Witness, name: str) -> None:
    """None is handed out twice, none is lost but those that were asked for and never seen."""
    found = []
    fetch = messages.Fetch(1, name, True, _owner(stage, witness, name).capability)
    with stage.connect() as client:
        while (bundle := client.ask(fetch, messages.Bundle)).one_time is not None:
            found.append(bundle.one_time)
    seen = found + witness.handed_out
    assert len(set(seen)) == len(seen)
    assert set(seen) <= witness.offered
    assert len(witness.published - set(seen)) <= witness.fetching


def _require_mail(stage: Stage, witness: Witness, name: str) -> None:
    """What was accepted comes, once, in order, as it was; and whatever was not can be submitted again."""
    owner = _owner(stage, witness, name)
    with stage.connect() as client:
        mailbox = client.ask(messages.Fetch(1, name, False), messages.Bundle).mailbox
    mine = [each for each in witness.bodies if witness.mailbox_of[each] == mailbox]
    again = [each for each in mine if each not in witness.accepted | witness.acknowledged]
    with stage.connect() as client:
        channel = client.open_to(owner, mailbox, repeat=True)
        client.say(b"".join(frames.submission(channel, each, witness.bodies[each]) for each in again))
        client.settle(channel, len(again))
    with stage.connect() as client:
        waiting = client.sign_in(owner).waiting
        envelopes = client.take(waiting)
        client.sync()
    came = [envelope_id for envelope_id, _ in envelopes]
    assert len(set(came)) == len(came)
    assert set(again) | (witness.accepted - witness.acknowledged) & set(mine) <= set(came) <= set(mine)
    assert not witness.forgotten & set(came)
    assert all(witness.bodies[envelope_id] == envelope for envelope_id, envelope in envelopes)
    in_order = [each for each in came if each not in again]
    assert in_order == [each for each in mine if each in in_order]
    with stage.connect() as client:
        assert client.sign_in(owner).waiting == 0
