"""Keeping the relay supplied with prekeys of ours. docs/spec/prekeys.md, "Life of a prekey"."""

from dataclasses import dataclass, field

from e2echat.client.context import Context
from e2echat.client.dialogue import Published, Stocked, why_refused
from e2echat.client.events import Problem
from e2echat.client.mailbox_dialogue import MailboxDialogue
from e2echat.crypto.prekeys import RENEWAL, PrekeyKind, PrekeySecret
from e2echat.store.rows import PrekeyRow
from e2echat.wire.relay_messages import ONE_TIME_BATCH, Refusal

SUPPLY = 100
"""One-time prekeys at the relay after a replenishment."""
REPLENISH_BELOW = 25
MOST_KEPT = 1_000
"""One-time prekeys whose secrets we keep; a relay that says it has none left gets no more than these."""
TELL_AGAIN = 86_400_000
"""Milliseconds before the person is told again that one-time prekeys ran short."""
KEEP_SUPERSEDED = 30 * 86_400_000
"""Milliseconds for which a superseded prekey's secrets still open what was on its way."""
KEEP_ONE_TIME = 90 * 86_400_000
"""Milliseconds after which a one-time prekey that nobody used can no longer be valid anywhere."""


@dataclass(slots=True)
class PrekeySupply:
    """Makes prekeys and uploads them, a batch at a time. ``left``: one-time prekeys at the relay, once known."""

    context: Context
    left: int | None = None
    _uploading: list[int] = field(default_factory=list)
    _told: int = -TELL_AGAIN

    def signed_in(self, one_time_left: int) -> None:
        """The relay told how many one-time prekeys it has left."""
        self.left = one_time_left
        self._uploading.clear()

    def happened(self, happening: Published | Stocked, *, uploading: bool) -> None:
        """The relay answered an upload, or gave some of the prekeys out; ``uploading``: others are on their way there."""
        match happening:
            case Published(reason):
                self._answered(reason)
            case Stocked(left, short):
                if self.left is not None and not uploading:
                    self.left = left
                if short or not left:
                    self.ran_short()

    def ran_short(self) -> None:
        """One-time prekeys were not enough: tell the person, but not all the time."""
        now = self.context.now
        if not self._told <= now < self._told + TELL_AGAIN:
            self._told = now
            self.context.tell(
                Problem(
                    "so many sessions are begun with us that one-time prekeys ran short;"
                    " first messages then have reduced forward secrecy until we answer"
                )
            )

    def upload(self, dialogue: MailboxDialogue) -> None:
        """Renew and replenish what is due, unless an upload is under way."""
        if dialogue.publishing or self.left is None:
            return
        records, now = self.context.records, self.context.now
        # Whoever came with one used it up; what the relay said at sign-in may be weeks old.
        self.left = min(
            self.left, records.prekeys.count("WHERE kind = ? AND published = 1", int(PrekeyKind.ONE_TIME))
        )
        self._renew_signed()
        if self.left < REPLENISH_BELOW:
            have = len(records.unpublished_prekeys(PrekeyKind.ONE_TIME))
            kept = records.prekeys.count("WHERE kind = ?", int(PrekeyKind.ONE_TIME))
            for _ in range(min(SUPPLY - self.left - have, MOST_KEPT - kept)):
                self._make(PrekeyKind.ONE_TIME)
        signed = records.unpublished_prekeys(PrekeyKind.SIGNED)
        one_time = records.unpublished_prekeys(PrekeyKind.ONE_TIME)[:ONE_TIME_BATCH]
        if signed or one_time:
            self._uploading = [row.id for row in (*signed, *one_time)]
            dialogue.publish(signed[-1].record if signed else None, [row.record for row in one_time])
            self.left += len(one_time)
        records.prekeys.delete("WHERE superseded_at < ?", now - KEEP_SUPERSEDED)
        one_time_kind = int(PrekeyKind.ONE_TIME)
        records.prekeys.delete("WHERE kind = ? AND made_at < ?", one_time_kind, now - KEEP_ONE_TIME)

    def _answered(self, refusal: Refusal | None) -> None:
        """The relay has the last upload, durably; or did not take it, and the next sign-in tries again."""
        uploading, self._uploading = self._uploading, []
        if refusal is not None:
            self.left = None
            self.context.tell(Problem(f"our prekeys were refused: {why_refused(refusal)}"))
            return
        for prekey_id in uploading:
            self.context.records.prekeys.update("published = 1 WHERE id = ?", prekey_id)

    def forgotten(self) -> None:
        """The relay knew nothing of us: it needs the signed prekey again."""
        self.context.records.prekeys.update("published = 0 WHERE kind = ?", int(PrekeyKind.SIGNED))

    def _renew_signed(self) -> None:
        records, now = self.context.records, self.context.now
        current = records.prekeys.one(
            "WHERE kind = ? AND superseded_at IS NULL ORDER BY id DESC", int(PrekeyKind.SIGNED)
        )
        if current is not None and now < current.made_at + RENEWAL * 1000:
            return
        if current is not None:
            records.prekeys.update("superseded_at = ? WHERE id = ?", now, current.id)
        self._make(PrekeyKind.SIGNED)

    def _make(self, kind: PrekeyKind) -> None:
        own, records, now = self.context.own, self.context.records, self.context.now
        secret = PrekeySecret.generate(
            own.key,
            own.identity,
            own.device.device,
            kind,
            records.next_prekey_id(),
            now // 1000,
            self.context.randomness,
        )
        row = PrekeyRow(
            secret.prekey.prekey_id,
            int(kind),
            secret.prekey.raw,
            secret.dh.secret,
            secret.kem_seed,
            now,
            published=False,
            superseded_at=None,
        )
        records.prekeys.save(row)
