import pytest

from e2echat.crypto.primitives import SystemRandomness
from e2echat.relay.knocks import Knocks
from e2echat.relay.limits import Limits, TokenBucket
from e2echat.relay.listening import AddressCounts


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
