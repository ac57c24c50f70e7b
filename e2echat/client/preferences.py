"""What a person has decided for all conversations, in the records. docs/spec/sessions.md, "Receipts" and "Typing"."""

from dataclasses import asdict

from e2echat.client.events import Settings
from e2echat.store.records import Records


def load(records: Records) -> Settings:
    """The settings; what was never set is as it comes."""
    settings = asdict(Settings())
    for name, default in settings.items():
        value = records.own(_key(name))
        if value is not None:
            settings[name] = type(default)(int(value))
    return Settings(**settings)


def save(records: Records, settings: Settings) -> None:
    """Keep them."""
    for name, value in asdict(settings).items():
        records.set_own(_key(name), str(int(value)).encode())


def _key(name: str) -> str:
    return f"setting.{name}"
