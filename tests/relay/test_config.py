import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from e2echat.errors import InvalidConfigurationError
from e2echat.relay.config import CHECKS, DEFAULTS, Configuration
from e2echat.relay.limits import Limits


def load(path: Path, *limits: str, **flags: object) -> Configuration:
    return Configuration.load(path, must_exist=False, flags=flags, limits=limits)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "relay.toml"


def test_every_limit_is_a_setting_and_its_default_is_allowed() -> None:
    assert {f"limits.{field.name}" for field in fields(Limits)} < CHECKS.keys()
    assert list(CHECKS) == list(DEFAULTS)
    for key, value in DEFAULTS.items():
        assert value is None or CHECKS[key](value) == value


def test_without_a_file_there_are_defaults(path: Path) -> None:
    settings = load(path)
    assert settings.limits() == Limits()
    assert set(settings.origins.values()) == {"default"}


def test_the_command_line_goes_before_the_file(path: Path) -> None:
    path.write_text(
        '# ours\n\nlisten = "a:1"\npublic = "b"\ntls = false\n\n[limits]\nframe = 20\nidle = 60.5\n'
    )
    settings = load(path, "idle=70", "channels = 5", listen="c:2", public=None, registration="token")
    assert (settings.values["listen"], settings.text("public"), settings.values["tls"]) == ("c:2", "b", False)
    assert settings.values["registration"] == "token"
    assert settings.limits() == Limits(frame=20.0, idle=70.0, channels=5)
    assert type(settings.limits().frame) is float
    origins = {key: origin for key, origin in settings.origins.items() if origin != "default"}
    assert origins == {
        "listen": "command line",
        "registration": "command line",
        "limits.idle": "command line",
        "limits.channels": "command line",
        "public": "relay.toml, line 4",
        "tls": "relay.toml, line 5",
        "limits.frame": "relay.toml, line 8",
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("limits.frame = 20", 1),
        ("\n\nlimits = { idle = 90, frame = 20 }", 3),
        ("[limits]\n\n# frame = 3\n'frame' = 20", 4),
        ("[ limits ] # here\nframe = 20 # frame = 3", 2),
        ('public = """\\\n  a\\\n  """\n[limits]\nframe = 20', 5),
    ],
)
def test_every_way_to_write_it_has_its_line(path: Path, text: str, line: int) -> None:
    path.write_text(text)
    settings = load(path)
    assert settings.limits().frame == 20
    assert settings.origins["limits.frame"] == f"relay.toml, line {line}"


def test_what_is_shown_says_the_same_when_read(path: Path) -> None:
    settings = load(path, "retention=86400", "write_after=0.1", listen="[::1]:0", metrics="h:1", tls=False)
    path.write_text("\n".join(settings.toml()))
    again = load(path)
    assert again.values == settings.values
    assert tomllib.loads(path.read_text())["limits"]["retention"] == 86_400
    assert '# public = ""  # not set' in settings.toml()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("listen = 7443", ("line 1", "listen")),
        ('listen = "::1"', ("line 1", "listen")),
        ('\npublic = "a:b"', ("line 2", "public")),
        ('metrics = "a b"', ("line 1", "metrics")),
        ("tls = 0", ("line 1", "tls")),
        ('tls = "false"', ("line 1", "tls")),
        ('registration = "some"', ("line 1", "open, token, closed")),
        ("registration = true", ("line 1", "registration")),
        ('log_level = "loud"', ("line 1", "log_level")),
        ("[limits]\nframe = 0", ("line 2", "between")),
        ("[limits]\nframe = 601", ("line 2", "between")),
        ("[limits]\nframe = nan", ("line 2", "between")),
        ("[limits]\nframe = inf", ("line 2", "between")),
        ("[limits]\nframe = true", ("line 2", "number")),
        ('[limits]\n\nframe = "15"', ("line 3", "number")),
        ("[limits]\nchannels = 1.0", ("line 2", "whole number")),
        ("[limits]\nchannels = 0", ("line 2", "between")),
        ("[limits]\nframes = 15", ("line 2", "mean frame")),
        ("frame = 15", ("line 1", "frame")),
        ("\nlimits = 3", ("line 2", "limits")),
        ("[[limits]]\nframe = 3", ("line 1", "limits")),
        ("[limit]\nframe = 15", ("line 2", "no setting")),
        ("listen = ", ("line 1",)),
        ("\nlisten", ("line 2",)),
        ('listen = "a"\nlisten = "b"', ("line 2",)),
        ("listen = [" + "[" * 5000, ()),
        ("\n\xff", ("line 2", "UTF-8")),
        ("#" * 70_000, ("too long",)),
    ],
)
def test_a_mistake_is_said_with_its_line(path: Path, text: str, said: tuple[str, ...]) -> None:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidConfigurationError) as refused:
        load(path)
    # Where and what it is, is what the error is there to say.
    assert all(words in str(refused.value) for words in ("relay.toml", *said))


@pytest.mark.parametrize(
    "limit", ["frame", "frame=", "frame=0", "frame=x", "frames=15", "listen='a:1'", "=1", "frame=1,2"]
)
def test_a_limit_that_is_none(path: Path, limit: str) -> None:
    with pytest.raises(InvalidConfigurationError):
        load(path, limit)


@pytest.mark.parametrize("flag", ["listen", "public", "metrics"])
def test_a_flag_that_is_no_place(path: Path, flag: str) -> None:
    with pytest.raises(InvalidConfigurationError):
        load(path, **{flag: "a:b:c"})


def test_a_file_that_is_asked_for_must_be_there(path: Path) -> None:
    with pytest.raises(InvalidConfigurationError):
        Configuration.load(path, must_exist=True, flags={}, limits=())


def test_a_file_that_cannot_be_read(path: Path) -> None:
    path.mkdir()
    with pytest.raises(InvalidConfigurationError):
        load(path)


def test_a_setting_of_several_lines_is_where_it_begins(path: Path) -> None:
    path.write_text('\npublic = """\\\n  a\\\n  """\n')
    assert load(path).origins["public"] == "relay.toml, line 2"
