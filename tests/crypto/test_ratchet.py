import hmac
from hashlib import blake2b, sha512
from typing import TYPE_CHECKING

from e2echat.crypto.handshake import Agreement
from e2echat.crypto.keys import ExchangeKey
from e2echat.crypto.primitives import X, kem_decapsulate, open_box
from e2echat.crypto.ratchet import IDLE_SECONDS, STEP_MESSAGES, STEP_SECONDS
from e2echat.wire.records import u32

if TYPE_CHECKING:
    from tests.crypto.conftest import Two

HBOX = 1269


def test_there_and_back(two: "Two") -> None:
    for turn in range(8):
        who = turn % 2
        for number in range(3):
            assert two.say(who, b"%d" % number) == (b"%d" % number, turn, number)


def _lp(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _k(key: bytes, label: bytes, *fields: bytes, n: int = 32) -> bytes:
    return blake2b(_lp(b"e2echat/1/" + label, *fields), key=key, digest_size=n).digest()


def _hkdf(ikm: bytes, salt: bytes, label: bytes, *fields: bytes, length: int) -> bytes:
    info, block, out = _lp(b"e2echat/1/" + label, *fields), b"", b""
    key = hmac.digest(salt, ikm, sha512)
    for i in range(1, 3):
        block = hmac.digest(key, block + info + bytes([i]), sha512)
        out += block
    return out[:length]


def _body(agreed: Agreement, chain_key: bytes, sealed: bytes) -> tuple[bytes, bytes]:
    keys = _k(chain_key, b"chain", n=64)
    body_key = _k(keys[32:], b"body", agreed.sid, agreed.th, sealed[:HBOX])
    return keys[:32], open_box(body_key, sealed[HBOX:])


def test_the_keys_are_those_of_the_specification(two: "Two", agreed: Agreement, prekey: ExchangeKey) -> None:
    """docs/spec/ratchet.md computed a second time for the first three chains."""
    first, second = two.send(0, b"one"), two.send(0, b"two")
    header = open_box(agreed.first_header_key, first[:HBOX])
    dh0 = header[:32]
    assert header == dh0 + bytes(12) + bytes(1185)
    assert open_box(agreed.first_header_key, second[:HBOX]) == dh0 + bytes(8) + u32(1) + bytes(1185)
    kem = blake2b(_lp(b"e2echat/1/kem", dh0, b"", b""), digest_size=32).digest()
    dh = X(prekey.secret, dh0)
    keys0 = _hkdf(dh, agreed.root_key, b"rk", agreed.sid, u32(0), kem, length=96)
    chain_key, text = _body(agreed, keys0[32:64], first)
    assert text == b"one"
    assert _body(agreed, chain_key, second)[1] == b"two"

    two.receive(1, first)
    reply = two.send(1, b"reply")
    secret1, seed = two.sides[1].root.secret, two.sending(1).kem_seed
    assert secret1 is not None
    header = open_box(agreed.reply_header_key, reply[:HBOX])
    dh1, ek = header[:32], header[45:]
    assert header[32:45] == u32(1) + bytes(8) + b"\1"
    kem = blake2b(_lp(b"e2echat/1/kem", dh1, b"", b""), digest_size=32).digest()
    keys1 = _hkdf(X(secret1.secret, dh0), keys0[:32], b"rk", agreed.sid, u32(1), kem, length=96)
    assert _body(agreed, keys1[32:64], reply)[1] == b"reply"

    two.receive(0, reply)
    healing = two.send(0, b"healing")
    header = open_box(keys0[64:], healing[:HBOX])
    dh2, ct = header[:32], header[45:1133]
    assert header[32:45] == u32(2) + u32(2) + u32(0) + b"\2"
    assert header[1133:] == bytes(96)
    kem = blake2b(_lp(b"e2echat/1/kem", dh2, ek, ct), digest_size=32).digest()
    ca = blake2b(_lp(b"e2echat/1/ca", agreed.ca), digest_size=32).digest()
    ikm = X(secret1.secret, dh2) + kem_decapsulate(seed, ct)
    keys2 = _hkdf(ikm, keys1[:32], b"rk", agreed.sid, u32(2), kem, ca, length=128)
    assert _body(agreed, keys2[32:64], healing)[1] == b"healing"
    assert two.sides[0].root.ca == keys2[96:]
    two.receive(1, healing)
    assert two.sides[1].root.ca == keys2[96:]
    assert two.sides[1].root.receiving_header_key == keys2[64:96]


def test_a_chain_begins_at_its_first_send_and_not_at_receipt(two: "Two") -> None:
    two.say(0)
    assert two.sides[1].sending is None
    first_secret = two.sides[0].root.secret
    two.say(1)
    assert two.sides[0].sending is None
    assert two.sides[0].root.secret is None
    two.say(0)
    assert two.sides[0].root.secret not in (None, first_secret)


def test_a_used_prekey_leaves_the_session_at_once(two: "Two", prekey: ExchangeKey) -> None:
    assert two.sides[1].root.secret == prekey
    two.say(0)
    assert two.sides[1].root.secret is None


# KEM steps


def test_the_first_reply_offers_and_its_answer_completes_a_step(two: "Two") -> None:
    slots, epochs, authenticators = [], [], []
    for turn in range(6):
        two.say(turn % 2)
        slots.append(two.slot(turn % 2))
        epochs.append([side.root.kem_epoch for side in two.sides])
        authenticators.append([side.root.ca for side in two.sides])
    assert slots == [0, 1, 2, 0, 0, 0]
    assert epochs == [[0, 0], [0, 0], [1, 1], [1, 1], [1, 1], [1, 1]]
    assert [one == other for one, other in authenticators] == [True] * 6
    assert len({one for one, _ in authenticators}) == 2


def test_every_header_of_a_chain_carries_the_same(two: "Two", agreed: Agreement) -> None:
    two.say(0)
    headers = [open_box(agreed.reply_header_key, two.send(1)[:HBOX]) for _ in range(3)]
    assert [header[40:44] for header in headers] == [u32(0), u32(1), u32(2)]
    assert len({header[:40] + header[44:] for header in headers}) == 1


def test_a_step_is_due_after_fifty_messages(two: "Two") -> None:
    """The step that completes with message 2 makes that the first of the fifty."""
    slots = two.turns(STEP_MESSAGES + 6)
    assert slots == [0, 1, 2] + [0] * (STEP_MESSAGES - 1) + [1, 2, 0, 0]
    assert [side.root.kem_epoch for side in two.sides] == [2, 2]
    assert [side.messages for side in two.sides] == [3, 3]


def test_a_step_is_due_after_seven_days(two: "Two") -> None:
    two.turns(3)
    two.say(1)
    for _ in range(2 * STEP_SECONDS // IDLE_SECONDS - 1):  # never silent for a day
        two.now += IDLE_SECONDS // 2
        two.say(1)
    assert two.turns(2) == [0, 0]
    two.now += IDLE_SECONDS // 2
    assert two.turns(4) == [1, 2, 0, 0]


def test_a_step_is_due_after_a_day_of_silence(two: "Two") -> None:
    two.turns(4)
    two.now += IDLE_SECONDS - 1
    assert two.turns(2) == [0, 0]
    two.now += IDLE_SECONDS
    assert two.turns(4) == [1, 2, 0, 0]


def test_silence_is_remembered_until_the_next_chain(two: "Two") -> None:
    two.turns(4)
    two.now += IDLE_SECONDS
    two.say(1)  # goes on in Bob's chain
    assert two.slot(1) == 0
    assert two.turns(4) == [1, 2, 0, 0]


def test_a_step_that_completes_after_silence_ends_it(two: "Two") -> None:
    two.turns(2)
    two.now += IDLE_SECONDS
    assert two.turns(4) == [2, 0, 0, 0]


def test_a_clock_set_back_does_no_harm(two: "Two") -> None:
    two.turns(4)
    two.now -= 10 * STEP_SECONDS
    assert two.turns(4) == [0, 0, 0, 0]


def test_nothing_of_the_state_is_shown(two: "Two") -> None:
    two.say(0)
    two.lose(2)
    two.send(1)
    for side in two.sides:
        shown = repr(side)
        secrets = [side.root.key, side.root.ca, side.root.sending_header_key, side.root.receiving_header_key]
        secrets += [side.root.secret.secret] if side.root.secret else []
        secrets += [side.sending.key, side.sending.header_key, side.sending.kem_seed] if side.sending else []
        secrets += [side.receiving.key, *side.receiving.skipped.values()] if side.receiving else []
        assert not [secret for secret in secrets if secret and repr(secret)[2:-1] in shown]
