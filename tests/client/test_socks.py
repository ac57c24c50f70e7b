import pytest

from e2echat.client.channels import PlainChannel
from e2echat.client.socks import Proxy, SocksChannel, chosen_proxy
from e2echat.errors import InvalidProxyError, RelayUnreachableError

METHODS = b"\x05\x02\x00\x02"
LOGGED_IN = b"\x01\x00"
CONNECTED = {
    "ipv4": b"\x05\x00\x00\x01" + bytes(4) + b"\x1f\x90",
    "ipv6": b"\x05\x00\x00\x04" + bytes(16) + b"\x1f\x90",
    "name": b"\x05\x00\x00\x03\x05proxy\x1f\x90",
}


def channel(host: str = "relay.example", port: int = 7443) -> SocksChannel:
    return SocksChannel(host, port, (b"somebody", b"secret"), PlainChannel)


def through(made: SocksChannel, method: int, login: bytes = b"") -> bytes:
    """Take a channel to its request; the request."""
    assert made.outgoing() == METHODS
    assert made.receive(bytes([5, method])) == b""
    if method == 2:
        assert made.outgoing() == b"\x01\x08somebody\x06secret"
        assert made.receive(login or LOGGED_IN) == b""
    return made.outgoing()


@pytest.mark.parametrize(
    ("host", "destination"),
    [
        ("relay.example", b"\x03\x0drelay.example"),
        ("192.0.2.1", b"\x01\xc0\x00\x02\x01"),
        ("2001:db8::1", b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01"),
    ],
)
@pytest.mark.parametrize("method", [0, 2])
def test_the_proxy_is_asked_for_the_relay_and_looks_it_up(host: str, destination: bytes, method: int) -> None:
    assert through(channel(host), method) == b"\x05\x01\x00" + destination + b"\x1d\x13"


@pytest.mark.parametrize("reply", CONNECTED.values(), ids=CONNECTED)
@pytest.mark.parametrize("cut", [1, 3, 1000])
def test_what_follows_is_the_relays_however_it_is_cut(reply: bytes, cut: int) -> None:
    made = channel()
    through(made, 0)
    data = reply + b"from the relay"
    received = b""
    for start in range(0, len(data), cut):
        received += made.receive(data[start : start + cut])
        assert made.established == (start + cut >= len(reply))
    assert received == b"from the relay"
    made.send(b"to the relay")
    assert made.outgoing() == b"to the relay"
    assert made.certificate_hash == bytes(32)
    made.end()


def test_nothing_of_ours_passes_before_the_way_stands() -> None:
    made = channel()
    made.send(b"too early")
    made.end()
    assert b"too early" not in through(made, 0)


@pytest.mark.parametrize(
    "answers",
    [
        [b"\x05\xff"],
        [b"\x05\x01"],  # GSSAPI was not offered
        [b"\x04\x5a"],
        [b"HTTP/1.1 400 Bad Request\r\n"],
        [b"\x05\x02", b"\x01\x01"],
        *([b"\x05\x00", bytes([5, reply])] for reply in (1, 2, 3, 4, 5, 6, 7, 8, 0xF0)),
        [b"\x05\x00", b"\x04\x00"],
        [b"\x05\x00", b"\x05\x00\x00\x02"],
    ],
)
def test_a_refusal_is_none_of_the_relays(answers: list[bytes]) -> None:
    made = channel()
    *before, last = answers
    for answer in before:
        made.receive(answer)
    with pytest.raises(RelayUnreachableError):
        made.receive(last)
    assert not made.established


@pytest.mark.parametrize(
    "text",
    [
        "socks5h://127.0.0.1:9050",
        "socks5h://localhost:1",
        "socks5h://[::1]:65535",
        " socks5h://10.0.0.1:1080\n",
    ],
)
def test_a_proxys_address(text: str) -> None:
    proxy = Proxy.parse(text)
    assert str(proxy) == text.strip()
    assert Proxy.parse(str(proxy)) == proxy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost:9050",
        "http://127.0.0.1:8080",
        "socks5://127.0.0.1:9050",
        "socks5h://127.0.0.1",
        "socks5h://127.0.0.1:0",
        "socks5h://127.0.0.1:65536",
        "socks5h://127.0.0.1:9050/",
        "socks5h://127.0.0.256:9050",
        "socks5h://[1::2::3]:9050",
        "socks5h://proxy.example:9050",  # it would have to be looked up
        "socks5h://me:secret@127.0.0.1:9050",
        "NONE",
    ],
)
def test_what_is_no_proxy(text: str) -> None:
    with pytest.raises(InvalidProxyError):
        chosen_proxy(text)


def test_none_is_a_choice() -> None:
    assert chosen_proxy("none") is None
    assert chosen_proxy(None) is None
    assert Proxy.parse("socks5h://localhost:9050").addresses == ("127.0.0.1", "::1")
