"""A relay in the middle forwards another relay's challenge: the answer names the relay that it is for."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from e2echat.crypto.relay_records import NO_CERTIFICATE, HelloRecord
from e2echat.errors import WrongRelayError
from e2echat.wire.relay_messages import Refusal

if TYPE_CHECKING:
    from tests.helpers.relay_world import World


def test_a_client_does_not_answer_a_forwarded_hello(make_world: "Callable[..., World]") -> None:
    honest, evil = make_world(), make_world()
    with pytest.raises(WrongRelayError):
        HelloRecord.parse(honest.connect().hello.raw, evil.key.public, NO_CERTIFICATE)


def test_the_middle_cannot_use_an_answer_that_it_was_given(make_world: "Callable[..., World]") -> None:
    honest, evil = make_world(), make_world()
    bob = honest.account("bob")
    victim, forwarded = honest.connect(), evil.connect()
    assert victim.refused(bob.authenticate(forwarded.hello)) == Refusal.NOT_AUTHENTICATED


def test_a_hello_of_the_middles_own_with_the_honest_nonce_does_not_do(
    make_world: "Callable[..., World]",
) -> None:
    honest, evil = make_world(), make_world()
    bob = honest.account("bob")
    victim = honest.connect()
    forged = HelloRecord.create(evil.key, victim.hello.nonce, NO_CERTIFICATE, 1)
    assert victim.refused(bob.authenticate(forged)) == Refusal.NOT_AUTHENTICATED
