"""Links that let one person each join, and what whoever joins by one shows for it. docs/spec/pairing.md, "Links"."""

import hmac
from dataclasses import dataclass, replace

from e2echat.client.context import Context
from e2echat.client.events import NewStranger, Paired
from e2echat.client.peers import Peers
from e2echat.crypto.keys import Device, Identity
from e2echat.crypto.pairing import invitation_proof
from e2echat.crypto.primitives import H
from e2echat.errors import PairingError
from e2echat.store.rows import ContactRow, InvitationRow
from e2echat.wire.invitation import SECRET_SIZE, Invitation

LIFE = 7 * 86_400_000
"""Milliseconds for which a link is good."""
MOST = 16
"""Links at a time; the oldest goes."""


@dataclass(frozen=True, slots=True)
class Invitations:
    """Our own links that nobody has used yet."""

    context: Context
    peers: Peers

    def make(self) -> tuple[Invitation, int]:
        """Another link, and when it ends, unix milliseconds.

        Raises:
            PairingError: we are not reached anywhere yet.
        """
        context, own, records = self.context, self.context.own, self.context.records
        route = own.route(records)
        if route is None:
            raise PairingError("the relay has not let us in yet")
        secret, ends = context.randomness.octets(SECRET_SIZE), context.now + LIFE
        records.invitations.save(InvitationRow(secret, ends))
        records.invitations.delete(
            "WHERE secret NOT IN (SELECT secret FROM invitations ORDER BY expires_at DESC LIMIT ?)", MOST
        )
        identity = own.identity
        return Invitation(own.address, own.name, identity.fingerprint, route.capability, secret), ends

    def redeem(self, row: ContactRow, proof: bytes) -> None:
        """Somebody shows to have been invited: he is no stranger, and the link is used up. He is not verified by that."""
        context = self.context
        identity = Identity.parse(row.identity)
        device = Device.parse(row.device, identity)
        for invitation in context.records.invitations.select("WHERE expires_at > ?", context.now):
            right = invitation_proof(invitation.secret, identity, device, context.own.identity)
            if hmac.compare_digest(proof, right):
                break
        else:
            return
        context.records.invitations.delete("WHERE secret = ?", invitation.secret)
        row = self.peers.let_in(row)
        if row.verified_at is None:
            row = self.peers.save(replace(row, verified_by="link"))
        name = context.peer_name(row)
        context.untell(NewStranger(name))
        context.tell(Paired(name, "link", verified=row.verified, invitation=invitation_id(invitation.secret)))


def invitation_id(secret: bytes) -> str:
    """What events name a link of ours by; it tells nothing of its secret."""
    return H("invitation-id", secret)[:8].hex()
