"""Who asked whom, and whose answer it is."""

from dataclasses import replace
from typing import cast

import pytest

from e2echat.client.inquiries import ASK_AGAIN, Inquiries
from e2echat.client.sending_dialogue import SendingDialogue
from e2echat.store.rows import ContactRow
from e2echat.wire.relay_messages import Refusal

BOB = ContactRow(1, bytes(32), "bob", "", b"", b"", "contact", capability=bytes(32))


class Asked(list[tuple[str, bool]]):
    """The one method of a dialogue that inquiries use."""

    def fetch(self, name: str, *, prekeys: bool, knock: bool, capability: bytes | None) -> None:
        self.append((name, prekeys))


@pytest.fixture(name="asked")
def _asked() -> Asked:
    return Asked()


def _fetch(inquiries: Inquiries, asked: Asked, now: int, *, prekeys: bool = True) -> None:
    inquiries.fetch(cast("SendingDialogue", asked), "link", BOB, now, prekeys=prekeys)


def test_an_answer_goes_to_whoever_waits_once() -> None:
    inquiries = Inquiries()
    inquiries.want("link", "bob", prekeys=True)
    assert inquiries.answered("link", "bob", Refusal.NO_SUCH_NAME, prekeys=True)
    assert inquiries.answers["link", "bob"] is Refusal.NO_SUCH_NAME
    assert not inquiries.answered("link", "bob", Refusal.LIMIT, prekeys=True)
    assert inquiries.answers["link", "bob"] is Refusal.NO_SUCH_NAME


def test_a_knock_token_is_no_capability_to_ask_with() -> None:
    shown: list[bytes | None] = []

    class Dialogue:
        def fetch(self, _: str, *, prekeys: bool, knock: bool, capability: bytes | None) -> None:
            shown.append(capability)

    for contact in (BOB, replace(BOB, knock=True)):
        Inquiries().fetch(cast("SendingDialogue", Dialogue()), "link", contact, 1, prekeys=True)
    Inquiries().fetch(cast("SendingDialogue", Dialogue()), "link", BOB, 1, prekeys=False)
    assert shown == [BOB.capability, None, None]


@pytest.mark.parametrize(
    ("link", "name", "prekeys"), [("other", "bob", True), ("link", "carol", True), ("link", "bob", False)]
)
def test_an_answer_to_another_question_is_nobodys(link: str, name: str, prekeys: bool) -> None:
    inquiries = Inquiries()
    inquiries.want("link", "bob", prekeys=True)
    assert not inquiries.answered(link, name, Refusal.NO_SUCH_NAME, prekeys=prekeys)
    assert inquiries.wanted


def test_asking_anew_forgets_the_last_answer() -> None:
    inquiries = Inquiries()
    inquiries.want("link", "bob", prekeys=True)
    inquiries.answered("link", "bob", Refusal.NO_SUCH_NAME, prekeys=True)
    inquiries.want("link", "bob", prekeys=True)
    assert not inquiries.answers


def test_the_same_is_not_asked_again_and_again(asked: Asked) -> None:
    inquiries = Inquiries()
    _fetch(inquiries, asked, 1_000_000)
    _fetch(inquiries, asked, 1_000_000 + ASK_AGAIN - 1)
    assert asked == [("bob", True)]
    _fetch(inquiries, asked, 1_000_000 + ASK_AGAIN)
    assert asked == [("bob", True)] * 2


def test_other_questions_are_not_held_back(asked: Asked) -> None:
    inquiries = Inquiries()
    _fetch(inquiries, asked, 1_000_000)
    _fetch(inquiries, asked, 1_000_000, prekeys=False)
    assert asked == [("bob", True), ("bob", False)]
