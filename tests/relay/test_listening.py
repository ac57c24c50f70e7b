import pytest

from e2echat.errors import InvalidAddressError, ListenError
from e2echat.relay.listening import is_loopback, is_wildcard, listen, split_host_port


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:7000", ("localhost", 7000)),
        ("chat.example", ("chat.example", 7443)),
        ("[::1]:80", ("::1", 80)),
        ("[::]", ("::", 7443)),
    ],
)
def test_host_and_port(text: str, found: tuple[str, int]) -> None:
    assert split_host_port(text) == found


@pytest.mark.parametrize(
    "text", ["", ":80", "::1", "::1:80", "a:b", "a:", "a:65536", "a b:1", "[::1", "a:1\n"]
)
def test_what_is_no_host_and_port(text: str) -> None:
    with pytest.raises(InvalidAddressError):
        split_host_port(text)


@pytest.mark.parametrize(
    ("host", "loopback", "wildcard"),
    [
        ("127.0.0.1", True, False),
        ("::1", True, False),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("192.0.2.1", False, False),
        ("fe80::1%eth0", False, False),
    ],
)
def test_kinds_of_addresses(host: str, *, loopback: bool, wildcard: bool) -> None:
    assert (is_loopback(host), is_wildcard(host)) == (loopback, wildcard)


@pytest.mark.parametrize("host", ["256.1.1.1", "a" * 64, "192.0.2.1"])
def test_an_address_that_is_not_ours_is_an_error(host: str) -> None:
    with pytest.raises(ListenError):
        listen(host, 0)


def test_a_port_in_use_is_an_error() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(ListenError):
        listen("127.0.0.1", listener.getsockname()[1])
