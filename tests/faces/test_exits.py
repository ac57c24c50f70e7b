from datetime import UTC, datetime

import pytest

from e2echat import errors
from e2echat.errors import (
    CryptoError,
    DecryptionError,
    E2EChatError,
    EnvironmentFault,
    InvalidAddressError,
    InvalidNameError,
    InvalidTextError,
    KeyChangedError,
    ListenError,
    LocalError,
    MalformedError,
    NoProfileError,
    NoSuchPeerError,
    NoSuchUserError,
    OutOfTimeError,
    PeerBlockedError,
    ProfileBusyError,
    ProfileExistsError,
    RefusedError,
    RelayDamagedError,
    RelayUnreachableError,
    StorageError,
    TextTooLongError,
    UnsafeProfileError,
    WrongClockError,
    WrongPassphraseError,
    WrongRelayError,
)
from e2echat.faces.exits import ADVICE, REFUSALS, UNREACHABLE, Exit, advice_for, exit_for, sentence_for


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (E2EChatError(), 1),
        (StorageError(), 1),
        (UnsafeProfileError(), 1),
        (EnvironmentFault(), 1),
        (LocalError(), 2),
        (InvalidNameError(), 2),
        (InvalidAddressError(), 2),
        (InvalidTextError(), 2),
        (TextTooLongError(), 2),
        (NoProfileError(), 2),
        (ProfileExistsError(), 2),
        (KeyChangedError("x"), 4),
        (WrongRelayError("x"), 4),
        (CryptoError(), 4),
        (DecryptionError(), 4),
        (RelayUnreachableError(), 5),
        (MalformedError(), 5),
        (WrongPassphraseError(), 6),
        (ProfileBusyError(), 6),
        (NoSuchPeerError(), 7),
        (RefusedError("x"), 8),
    ],
)
def test_codes_are_those_of_the_contract(error: E2EChatError, code: int) -> None:
    assert exit_for(error) == code


def test_every_error_has_a_code() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, E2EChatError)
    ]
    assert len(kinds) > 20
    for kind in kinds:
        assert exit_for(kind.__new__(kind)) in Exit


def test_a_sentence_is_the_particulars_or_the_class() -> None:
    assert sentence_for(NoSuchPeerError("who?")) == "who?"
    assert sentence_for(NoSuchPeerError()) == NoSuchPeerError.__doc__


def test_advice() -> None:
    assert advice_for(RefusedError("x", "name_taken")) == REFUSALS["name_taken"]
    assert advice_for(RefusedError("x", "unheard_of")) is None
    assert advice_for(NoSuchPeerError()) == ADVICE[NoSuchPeerError]
    assert "verify" in str(advice_for(KeyChangedError("held", "00")))
    assert advice_for(KeyChangedError("another number")) is None


def test_out_of_reach_says_what_to_look_at() -> None:
    said = {advice_for(RelayUnreachableError("gone", why)) for why in ("", *UNREACHABLE)}
    assert len(said) == len(UNREACHABLE) + 1
    assert all(said)


@pytest.mark.parametrize("error", [WrongClockError(), OutOfTimeError()])
def test_a_wrong_clock_is_shown_to_who_can_tell(error: E2EChatError) -> None:
    advice = advice_for(error)
    assert advice is not None
    assert datetime.now(UTC).strftime("%Y-%m-") in advice


def test_advice_names_whom_and_what_it_is_about() -> None:
    assert advice_for(PeerBlockedError("you have blocked bob", "bob")) == "To undo that: e2echat accept bob"
    assert "relay users" in str(advice_for(NoSuchUserError()))
    for error in (
        RelayDamagedError(),
        ListenError(),
        TextTooLongError(),
        RefusedError("x", "stale"),
        RefusedError("x", "name_lost"),
    ):
        assert advice_for(error)
    assert "another name" not in str(advice_for(RefusedError("x", "stale")))
