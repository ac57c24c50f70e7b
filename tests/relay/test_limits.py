import pytest

from e2echat.crypto.primitives import SystemRandomness
from e2echat.relay.budgets import Buckets
from e2echat.relay.knocks import Knocks
from e2echat.relay.limits import DAY, Limits, TokenBucket
from e2echat.relay.listening import AddressCounts
from e2echat.relay.refusals import RefusedRequestError
from e2echat.wire.relay_messages import Refusal


def test_a_bucket_gives_its_burst_then_its_rate() -> None:
    bucket = TokenBucket(3, 2.0, 0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(1.0) for _ in range(3)] == [True, True, False]
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_a_bucket_survives_a_clock_that_goes_back() -> None:
    bucket = TokenBucket(1, 1.0, 10.0)
    assert bucket.take(10.0)
    assert not bucket.take(5.0)


def test_a_knock_ends_by_envelopes_bytes_or_time() -> None:
    knocks = Knocks(Limits(knock_envelopes=2, knock_bytes=100, knock_life=10.0), SystemRandomness())
    first, second = knocks.issue(b"m", 0.0), knocks.issue(b"m", 0.0)
    one, other = knocks.find(first, 1.0), knocks.find(second, 1.0)
    assert one
    assert other
    assert [one.take(10), one.take(10), one.take(10)] == [True, True, False]
    assert [other.take(90), other.take(11), other.take(10)] == [True, False, True]
    assert knocks.find(first, 9.9)
    assert knocks.find(first, 10.0) is None


def test_the_oldest_knock_makes_room() -> None:
    knocks = Knocks(Limits(knocks=2), SystemRandomness())
    tokens = [knocks.issue(b"m", 0.0) for _ in range(3)]
    assert [knocks.find(token, 0.0) is not None for token in tokens] == [False, True, True]


def test_a_mailbox_has_its_knocks_a_day() -> None:
    knocks = Knocks(Limits(knocks_daily=2), SystemRandomness())
    knocks.issue(b"m", 0.0)
    knocks.issue(b"m", 100.0)
    for attempt in (knocks.issue, knocks.work):
        with pytest.raises(RefusedRequestError) as refused:
            attempt(b"m", DAY - 1.0)
        assert refused.value.reason is Refusal.CROWDED
    knocks.issue(b"other", 200.0)
    knocks.issue(b"m", DAY)
    with pytest.raises(RefusedRequestError):
        knocks.issue(b"m", DAY)


def test_spending_a_token_makes_no_room_for_another() -> None:
    knocks = Knocks(Limits(knocks_daily=1, knock_envelopes=1), SystemRandomness())
    token = knocks.find(knocks.issue(b"m", 0.0), 0.0)
    assert token
    assert token.take(1)
    with pytest.raises(RefusedRequestError):
        knocks.issue(b"m", 1.0)


def test_work_grows_with_the_knocks_at_one_mailbox_and_falls_with_the_day() -> None:
    limits = Limits(work_bits=10, work_step=2, work_bits_most=12, work_crowd=1_000)
    knocks = Knocks(limits, SystemRandomness())
    bits = []
    for _ in range(7):
        bits.append(knocks.work(b"m", 0.0))
        knocks.issue(b"m", 0.0)
    assert bits == [10, 10, 11, 11, 12, 12, 12]
    assert knocks.work(b"other", 0.0) == 10
    assert knocks.work(b"m", DAY) == 10


def test_work_grows_with_the_knocks_in_all_and_falls_within_hours() -> None:
    knocks = Knocks(Limits(work_bits=10, work_crowd=4), SystemRandomness())
    bits = []
    for number in range(17):
        bits.append(knocks.work(b"m", 0.0))
        knocks.issue(b"%d" % number, 0.0)
    assert bits == [10] * 4 + [11] * 4 + [12] * 8 + [13]
    assert [knocks.work(b"m", hours * 3600.0) for hours in range(5)] == [13, 12, 11, 10, 10]


def test_what_nobody_asks_for_any_more_is_forgotten() -> None:
    knocks = Knocks(Limits(), SystemRandomness())
    for number in range(100):
        knocks.issue(b"%d" % number, float(number))
    knocks.issue(b"m", 99.0 + DAY)
    assert set(knocks._today) == {b"m"}


def test_buckets_are_kept_apart() -> None:
    buckets: Buckets[str] = Buckets(2, 1.0, 10)
    assert [buckets.take("a", 0.0) for _ in range(3)] == [True, True, False]
    assert buckets.take("b", 0.0)
    assert [buckets.take("a", 1.0), buckets.take("a", 1.0)] == [True, False]


def test_full_buckets_are_forgotten() -> None:
    buckets: Buckets[int] = Buckets(2, 1.0, 10)
    for key in range(5):
        buckets.take(key, 0.0)
    assert buckets.take(9, 1.9)
    assert len(buckets) == 6
    assert buckets.take(9, 2.0)
    assert len(buckets) == 1


def test_buckets_are_bounded() -> None:
    buckets: Buckets[int] = Buckets(1, 0.001, 3)
    for key in range(5):
        assert buckets.take(key, 0.0)
    assert len(buckets) == 3
    assert not buckets.take(4, 0.0)
    assert buckets.take(0, 0.0)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_addresses_are_counted(first: str, second: str, *, together: bool) -> None:
    counts = AddressCounts(Limits(connections_per_address=1))
    assert counts.add(first)
    assert counts.add(second) != together
    counts.remove(first)
    assert counts.add(first)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_not_counted(host: str) -> None:
    counts = AddressCounts(Limits(connections_per_address=1))
    assert all(counts.add(host) for _ in range(5))
    counts.remove(host)
