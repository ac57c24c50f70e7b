"""What a person has decided for all conversations, in the records. docs/spec/sessions.md, "Receipts" and "Typing"."""

from dataclasses import asdict
from enum import StrEnum

from e2echat.client.settings import Settings
from e2echat.store.records import Records


def load(records: Records) -> Settings:
    """The settings; what was never set is as it comes."""
    settings = asdict(Settings())
    for name, default in settings.items():
        value = records.own(_key(name))
        if value is not None:
            settings[name] = _read(value.decode(), default)
    return Settings(**settings)


def save(records: Records, settings: Settings) -> None:
    """Keep them."""
    for name, value in asdict(settings).items():
        records.set_own(_key(name), (value if isinstance(value, StrEnum) else str(int(value))).encode())


def _read(kept: str, default: bool | int | StrEnum) -> bool | int | StrEnum:  # noqa: FBT001 - a value, not a switch
    if not isinstance(default, StrEnum):
        return type(default)(int(kept))
    # A later version may have more choices.
    return type(default)(kept) if kept in list(type(default)) else default


def _key(name: str) -> str:
    return f"setting.{name}"
