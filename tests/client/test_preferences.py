from typing import Any, cast

from e2echat.client import preferences
from e2echat.client.settings import Notify, Preview, Settings


class Kept(dict[str, bytes]):
    """As much of the records as keeps settings."""

    def own(self, name: str) -> bytes | None:
        return self.get(name)

    def set_own(self, name: str, value: bytes) -> None:
        self[name] = value


def test_settings_come_back_as_they_were() -> None:
    records: Any = Kept()
    assert preferences.load(records) == Settings()
    for settings in (
        Settings(read_receipts=False, typing=True, keep_days=3, keep_messages=4),
        Settings(notify=Notify.DESKTOP, preview=Preview.FULL),
    ):
        preferences.save(records, settings)
        assert preferences.load(records) == settings
        assert type(preferences.load(records).notify) is Notify


def test_a_choice_of_a_later_version_counts_as_none() -> None:
    records = Kept({"setting.notify": b"by pigeon", "setting.typing": b"1"})
    assert preferences.load(cast("Any", records)) == Settings(typing=True)
