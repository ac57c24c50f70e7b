import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2echat.errors import InvalidAddressError
from e2echat.wire.address import DEFAULT_PORT, MAX_ADDRESS, RelayAddress

KEY = bytes(range(32))
PIN = base64.b32encode(KEY).decode().rstrip("=").lower()


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
