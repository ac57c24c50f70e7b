"""``fingerprint``, ``verify``, ``accept`` and ``block``: whose key is whose, and with whom to have to do."""

import click

from e2echat.client.events import Safety
from e2echat.errors import KeyChangedError
from e2echat.faces.cli.options import common, peer_argument, words
from e2echat.faces.cli.session import Session
from e2echat.faces.output import Style
from e2echat.faces.qr import draw_qr
from e2echat.faces.wording import grouped, safety_record


@click.command(short_help="Show one's own fingerprint, or the number to compare with somebody.")
@click.argument("peer", required=False, callback=words)
@click.option("--qr", is_flag=True, help="Draw it as a QR code, too.")
@common()
@click.pass_obj
def fingerprint(session: Session, peer: str | None, qr: bool) -> None:  # noqa: FBT001 - click passes by name
    """Show one's own fingerprint, or with PEER the safety number of the two.

    The safety number is the same on both sides; if it is, nobody is in between. Compare it by voice or in person,
    then run verify.
    """
    out = session.out
    with session.open_account(connect=peer is not None) as account:
        if peer is None:
            values = {"type": "fingerprint", "name": account.name, "address": account.address}
            out.result(values | {"fingerprint": account.fingerprint}, account.fingerprint)
            content = account.fingerprint
        else:
            safety = account.safety(peer)
            out.result(safety_record(safety), grouped(safety.number))
            content = safety.number
    if qr and not out.json:
        draw_qr(content, out)


@click.command(short_help="Compare the number with what the other person sees.")
@peer_argument
@click.argument("number", nargs=-1)
@common()
@click.pass_obj
def verify(session: Session, peer: str, number: tuple[str, ...]) -> None:
    """Mark PEER as verified if NUMBER, which PEER sees, is the safety number of the two; else end with 4.

    NUMBER is sixty digits, with or without spaces. Without it, it is asked for.
    """
    out = session.out
    if not number and not session.stdin.is_terminal:
        raise click.UsageError("Say the number that the other person sees.")
    with session.open_account() as account:
        digits = "".join(number) or _asked_number(session, account.name, account.safety(peer))
        try:
            account.verify(peer, digits)
        except KeyChangedError:
            out.note(
                "Read the number out once more on both sides; if they differ, somebody may be in between."
            )
            raise
        name = account.safety(peer).name
        out.result({"type": "verified", "peer": name, "verified": True}, (Style.GOOD, name), " is verified.")


@click.command(short_help="Accept a stranger, a contact's new key, or whom one has blocked.")
@peer_argument
@common()
@click.pass_obj
def accept(session: Session, peer: str) -> None:
    """Accept PEER: a stranger as a contact, a contact's new key, or somebody blocked; what was held is sent."""
    with session.open_account() as account:
        account.accept(peer)
        session.out.result({"type": "accepted", "peer": peer}, (Style.STRONG, peer), " is accepted.")
        session.out.note(f"To know that it is really {peer}, compare the number: e2echat verify {peer}")


@click.command(short_help="Have no more to do with somebody.")
@peer_argument
@common()
@click.pass_obj
def block(session: Session, peer: str) -> None:
    """Block PEER: nothing of theirs is shown or answered, and they lose their way to deliver here.

    They are not told. Undo it with accept: then what they have kept for you arrives.
    """
    with session.open_account() as account:
        account.block(peer)
        session.out.result({"type": "blocked", "peer": peer}, (Style.STRONG, peer), " is blocked.")
        session.out.note(f"To undo it: e2echat accept {peer}")


def _asked_number(session: Session, own_name: str, safety: Safety) -> str:
    peer = safety.name
    session.out.note(f"On your side it is the following; {peer} sees it with: e2echat fingerprint {own_name}")
    session.out.note("    ", (Style.STRONG, grouped(safety.number)))
    answer = session.ask(f"Type the number that {peer} reads out, or yes if you have compared it: ")
    if answer.casefold() == "yes":
        return safety.number
    if answer.casefold() in ("", "no"):
        raise KeyChangedError(f"Not compared, so {peer} is not marked as verified.")
    return answer
