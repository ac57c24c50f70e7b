"""What a person has decided for all conversations, in the records. docs/spec/sessions.md, "Receipts" and "Typing"."""

from dataclasses import asdict, fields

from e2echat.client.events import Settings
from e2echat.store.records import Records


def load(records: Records) -> Settings:
    """The settings; what was never set is as it comes."""
    found = {item.name: records.own(_key(item.name)) for item in fields(Settings)}
    return Settings(**{name: value == b"1" for name, value in found.items() if value is not None})


def save(records: Records, settings: Settings) -> None:
    """Keep them."""
    for name, value in asdict(settings).items():
        records.set_own(_key(name), b"1" if value else b"0")


def _key(name: str) -> str:
    return f"setting.{name}"
