"""Accounts, prekeys, join tokens and the clock in the relay's database: what the directory decides, kept."""

from collections.abc import Iterator
from types import NoneType

from e2echat.errors import DamagedStorageError
from e2echat.relay.capabilities import Capabilities
from e2echat.relay.database import Database
from e2echat.relay.work import Account, RemoveAccount, SaveAccount, SavePrekeys, SaveToken, TakePrekey
from e2echat.wire.relay_messages import RECORD


class Accounts:
    """In the same database, and so in the same transactions, as the mailboxes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> Iterator[tuple[Account, bytes | None, list[int]]]:
        """Every account, its signed prekey, and the ids of its one-time prekeys: read once, at the start."""
        query = "SELECT mailbox, name, identity, device, claim, capability_hash, former, signed FROM account"
        kinds = (bytes, str, bytes, bytes, bytes, bytes, bytes, (bytes, NoneType))
        for mailbox, name, identity, device, claim, current, former, signed in self._database.rows(
            query, (), kinds
        ):
            one_time = self._database.rows(
                "SELECT prekey_id FROM one_time WHERE mailbox = ? ORDER BY prekey_id", (mailbox,), (int,)
            )
            capabilities = Capabilities.decode(current, former)
            account = Account(name, mailbox, identity, device, claim, capabilities)
            if signed is not None and not RECORD.allows(signed):
                raise DamagedStorageError("the relay's database is damaged: a prekey is none")
            yield account, signed, [prekey_id for (prekey_id,) in one_time]

    def save(self, request: SaveAccount) -> None:
        """Keep an account, new or changed."""
        account = request.account
        self._database.change(
            """
            INSERT INTO account (mailbox, name, identity, device, claim, capability_hash, former)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (mailbox) DO UPDATE SET identity = excluded.identity, device = excluded.device,
                claim = excluded.claim, capability_hash = excluded.capability_hash, former = excluded.former
            """,
            (
                account.mailbox,
                account.name,
                account.identity,
                account.device,
                account.claim,
                account.capabilities.current,
                account.capabilities.encode_former(),
            ),
        )
        if request.token is not None:
            self.save_token(request.token)
        if request.new_device:
            self._database.change("DELETE FROM one_time WHERE mailbox = ?", (account.mailbox,))
            self._database.change("UPDATE account SET signed = NULL WHERE mailbox = ?", (account.mailbox,))

    def tombstones(self) -> list[str]:
        """The names that were removed."""
        return [name for (name,) in self._database.rows("SELECT name FROM tombstone", (), (str,))]

    def remove(self, request: RemoveAccount) -> None:
        """Forget an account, all but its name."""
        self._database.change("INSERT OR IGNORE INTO tombstone VALUES (?)", (request.name,))
        self._database.change("DELETE FROM one_time WHERE mailbox = ?", (request.mailbox,))
        self._database.change("DELETE FROM account WHERE mailbox = ?", (request.mailbox,))

    def tokens(self) -> list[SaveToken]:
        """The join tokens that are not used up."""
        query = "SELECT hash, uses, ends FROM token"
        return [SaveToken(*row) for row in self._database.rows(query, (), (bytes, int, int))]

    def save_token(self, token: SaveToken) -> None:
        """Keep what is left of a join token."""
        if token.uses:
            values = (token.token_hash, token.uses, token.ends)
            self._database.change("INSERT OR REPLACE INTO token VALUES (?, ?, ?)", values)
        else:
            self._database.change("DELETE FROM token WHERE hash = ?", (token.token_hash,))

    def clock(self) -> int | None:
        """The relay's clock as it was kept last."""
        rows = self._database.rows("SELECT today FROM clock", (), (int,))
        return int(rows[0][0]) if rows else None

    def save_clock(self, today: int) -> None:
        """Keep the relay's clock."""
        self._database.change("INSERT OR REPLACE INTO clock VALUES (1, ?)", (today,))

    def publish(self, request: SavePrekeys) -> None:
        """Keep prekeys."""
        if request.signed is not None:
            self._database.change(
                "UPDATE account SET signed = ? WHERE mailbox = ?", (request.signed, request.mailbox)
            )
        for prekey_id, record in request.one_time:
            self._database.change(
                "INSERT OR REPLACE INTO one_time VALUES (?, ?, ?)", (request.mailbox, prekey_id, record)
            )

    def take(self, request: TakePrekey) -> bytes | None:
        """Remove a one-time prekey; gives its record."""
        key = (request.mailbox, request.prekey_id)
        query = "SELECT record FROM one_time WHERE mailbox = ? AND prekey_id = ?"
        found = [record for (record,) in self._database.rows(query, key, (bytes,)) if RECORD.allows(record)]
        self._database.change("DELETE FROM one_time WHERE mailbox = ? AND prekey_id = ?", key)
        return found[0] if found else None
