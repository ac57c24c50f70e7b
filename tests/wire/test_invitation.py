"""Invitation links: one spelling, and what is mistyped is told from what is false."""

import base64
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.errors import InvalidInvitationError
from e2echat.wire.address import RelayAddress
from e2echat.wire.invitation import MAX_LINK, SCHEME, Invitation, is_link

INVITATION = Invitation(
    RelayAddress(bytes(range(32)), "relay.example", 7443),
    "alice",
    bytes(range(1, 33)),
    bytes(range(2, 34)),
    bytes(range(16)),
)


def _raw(link: str) -> bytes:
    text = link[len(SCHEME) :].upper()
    return base64.b32decode(text + "=" * (-len(text) % 8))


def _link(raw: bytes) -> str:
    return SCHEME + base64.b32encode(raw).decode().rstrip("=").lower()


def _checked(body: bytes) -> str:
    return _link(body + zlib.crc32(body).to_bytes(4))


@pytest.mark.parametrize("host", ["relay.example", "192.0.2.7", "2001:db8::7", "a", "h" * 253])
@pytest.mark.parametrize("name", ["a", "alice", "x" * 32])
def test_it_is_read_as_it_was_made(host: str, name: str) -> None:
    invitation = replace(INVITATION, relay=RelayAddress(bytes(32), host, 65535), name=name)
    assert Invitation.parse(invitation.link()) == invitation
    assert len(invitation.link()) < MAX_LINK


def test_it_is_read_as_people_paste_it() -> None:
    link = INVITATION.link()
    assert Invitation.parse(f" {link.upper()}\n") == INVITATION
    assert Invitation.parse("\r\n   ".join([link[:40], link[40:80], link[80:]])) == INVITATION


def test_a_qr_code_of_it_needs_no_small_letters() -> None:
    assert set(INVITATION.link().upper()) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:")


def test_every_mistyped_letter_is_noticed() -> None:
    link = INVITATION.link()
    for at in range(len(SCHEME), len(link)):
        for letter in "a7":
            if link[at] != letter:
                with pytest.raises(InvalidInvitationError):
                    Invitation.parse(link[:at] + letter + link[at + 1 :])


def test_every_truncation_is_noticed() -> None:
    link = INVITATION.link()
    for size in range(len(link)):
        with pytest.raises(InvalidInvitationError):
            Invitation.parse(link[:size])


BODY = _raw(INVITATION.link())[:-4]
HOST = 1 + 32 + 2
NAME = HOST + 1 + len("relay.example")
BODIES = {
    "another version": b"\x02" + BODY[1:],
    "nothing": b"",
    "a byte behind": BODY + b"\0",
    "a byte missing": BODY[:-1],
    "port 0": BODY[:33] + bytes(2) + BODY[35:],
    "no host": BODY[:HOST] + b"\0" + BODY[NAME:],
    "a host that is none": BODY.replace(b"relay.example", b"relay/example"),
    "a host in capitals": BODY.replace(b"relay.example", b"Relay.example"),
    "a host that is no ASCII": BODY.replace(b"relay.example", b"relay.ex\xc3\xa4ple"[:13]),
    "no name": BODY[:NAME] + b"\0" + BODY[NAME + 6 :],
    "a name that is none": BODY.replace(b"alice", b"ali e"),
    "a name in capitals": BODY.replace(b"alice", b"Alice"),
    "a name longer than the rest": BODY[:NAME] + b"\xff" + BODY[NAME + 1 :],
}


@pytest.mark.parametrize("kind", BODIES)
def test_what_says_what_no_invitation_says_is_refused(kind: str) -> None:
    assert _checked(BODY) == INVITATION.link()
    with pytest.raises(InvalidInvitationError):
        Invitation.parse(_checked(BODIES[kind]))


def test_other_links_and_codes_are_none() -> None:
    for text in ("", "https://example.org", "e2echat", "relay://x", "4821-guitar-otter"):
        assert not is_link(text)
        with pytest.raises(InvalidInvitationError):
            Invitation.parse(text)
    assert is_link(" E2ECHAT:abc")
    with pytest.raises(InvalidInvitationError):
        Invitation.parse(SCHEME + "a" * MAX_LINK)
    with pytest.raises(InvalidInvitationError):
        Invitation.parse(SCHEME + "ä" * 8)


@given(st.binary(max_size=400))
def test_any_bytes_are_an_invitation_or_refused(raw: bytes) -> None:
    for link in (_link(raw), _checked(raw)):
        try:
            assert Invitation.parse(link).link() == link
        except InvalidInvitationError:
            continue


def test_secrets_are_not_in_repr() -> None:
    assert repr(INVITATION.secret) not in repr(INVITATION)
    assert repr(INVITATION.capability) not in repr(INVITATION)
