import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.errors import InvalidAddressError
from e2echat.wire.address import DEFAULT_PORT, MAX_ADDRESS, JoinAddress, RelayAddress

KEY = bytes(range(32))
PIN = base64.b32encode(KEY).decode().rstrip("=").lower()
TOKEN = bytes(range(100, 116))
TOKEN_TEXT = base64.b32encode(TOKEN).decode().rstrip("=").lower()
RELAY = RelayAddress(KEY, "chat.example", 7443)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (f"relay://{PIN}@chat.example:7000", "chat.example", 7000),
        (f"relay://{PIN}@chat.example", "chat.example", DEFAULT_PORT),
        (f"relay://{PIN.upper()}@Chat.Example:7000", "chat.example", 7000),
        (f"  relay://{PIN}@127.0.0.1:1\n", "127.0.0.1", 1),
        (f"relay://{PIN}@[::1]:65535", "::1", 65_535),
        (f"relay://{PIN}@[2001:DB8::1]", "2001:db8::1", DEFAULT_PORT),
    ],
)
def test_parse(text: str, host: str, port: int) -> None:
    address = RelayAddress.parse(text)
    assert address == RelayAddress(KEY, host, port)
    assert RelayAddress.parse(str(address)) == address


def test_text() -> None:
    assert str(RelayAddress(KEY, "chat.example", 7443)) == f"relay://{PIN}@chat.example:7443"
    assert str(RelayAddress(KEY, "::1", 7443)) == f"relay://{PIN}@[::1]:7443"
    assert RelayAddress(KEY, "::1", 7443).pin == PIN
    assert PIN.islower()


@given(st.binary(min_size=32, max_size=32), st.integers(1, 65_535))
def test_round_trip(key: bytes, port: int) -> None:
    address = RelayAddress(key, "chat.example", port)
    assert RelayAddress.parse(str(address)) == address


def test_the_longest_address_fits() -> None:
    address = RelayAddress.parse(f"relay://{PIN}@{'a' * 253}:65535")
    assert len(str(address)) <= MAX_ADDRESS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chat.example",
        f"{PIN}@chat.example",
        f"http://{PIN}@chat.example",
        "relay://chat.example",
        "relay://@chat.example",
        f"relay://{PIN}",
        f"relay://{PIN}@",
        f"relay://{PIN}@:7443",
        f"relay://{PIN[:-1]}@chat.example",
        f"relay://{PIN}a@chat.example",
        f"relay://{PIN[:-1]}1@chat.example",  # 1 is no letter of base32
        f"relay://{PIN}====@chat.example",
        f"relay://{PIN[:-1]}h@chat.example",  # a second spelling: bits behind the key
        f"relay://{PIN}@chat.example:",
        f"relay://{PIN}@chat.example:0",
        f"relay://{PIN}@chat.example:65536",
        f"relay://{PIN}@chat.example:-1",
        f"relay://{PIN}@chat.example:7443x",
        f"relay://{PIN}@chat.example:7443/path",
        f"relay://{PIN}@chat.example:7443/{TOKEN_TEXT}",
        f"relay://{PIN}@chat.example:\u0661",
        f"relay://{PIN}@chat example",
        f"relay://{PIN}@chat\u0000example",
        f"relay://{PIN}@b\u00fccher.example",
        f"relay://{PIN}@::1",
        f"relay://{PIN}@[::1",
        f"relay://{PIN}@[::g]",
        f"relay://{PIN}@[127.0.0.1]",
        f"relay://{PIN}@[1:2:3]",
        f"relay://{PIN}@{'a' * 254}",
        f"relay://{PIN}@chat.example\nrelay://{PIN}@chat.example",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(InvalidAddressError):
        RelayAddress.parse(text)


@pytest.mark.parametrize(
    ("text", "token"),
    [
        (f"relay://{PIN}@chat.example:7443/{TOKEN_TEXT}", TOKEN),
        (f"relay://{PIN}@chat.example/{TOKEN_TEXT.upper()}", TOKEN),
        (f" relay://{PIN}@chat.example/{TOKEN_TEXT}\n", TOKEN),
        (f" relay://{PIN}@chat.example:7443\n", None),
    ],
)
def test_an_address_to_join_with(text: str, token: bytes | None) -> None:
    join = JoinAddress.parse(text)
    assert join == JoinAddress(RELAY, token)
    assert JoinAddress.parse(join.text()) == join
    assert str(join) == str(RELAY)


def test_a_token_is_shown_to_whoever_asks_for_it_alone() -> None:
    join = JoinAddress(RELAY, TOKEN)
    assert join.text() == f"{RELAY}/{TOKEN_TEXT}"
    for shown in (repr(join), str(join), f"{join}", str(join.relay), repr(join.relay)):
        assert TOKEN_TEXT not in shown.lower()
        assert repr(TOKEN) not in shown


@pytest.mark.parametrize(
    "text",
    [
        f"relay://{PIN}@chat.example/",
        f"relay://{PIN}@chat.example/{TOKEN_TEXT[:-1]}",
        f"relay://{PIN}@chat.example/{TOKEN_TEXT}a",
        f"relay://{PIN}@chat.example/{TOKEN_TEXT}/",
        f"relay://{PIN}@chat.example/{TOKEN_TEXT}/{TOKEN_TEXT}",
        f"relay://{PIN}@chat.example//{TOKEN_TEXT}",
        f"relay://{PIN}@chat.example/{TOKEN_TEXT}======",
        f"relay://{PIN}@chat.example/{TOKEN_TEXT[:-1]}1",
        f"relay://{PIN}@chat.example/{TOKEN_TEXT[:-1]}b",  # a second spelling: bits behind the token
        f"relay://{PIN}@chat.example /{TOKEN_TEXT}",
        f"relay://{PIN}@chat.example/ {TOKEN_TEXT}",
        f"relay://{PIN[:-1]}h@chat.example/{TOKEN_TEXT}",
        f"relay://{PIN}@chat.example:0/{TOKEN_TEXT}",
        f"relay://{PIN}/{TOKEN_TEXT}",
        f"{PIN}@chat.example/{TOKEN_TEXT}",
        f"relay://relay://{PIN}@chat.example/{TOKEN_TEXT}",
    ],
)
def test_what_is_no_address_to_join_with(text: str) -> None:
    with pytest.raises(InvalidAddressError):
        JoinAddress.parse(text)


@given(st.binary(min_size=16, max_size=16))
def test_a_token_round_trips(token: bytes) -> None:
    assert JoinAddress.parse(JoinAddress(RELAY, token).text()).token == token
