"""The pictures that the documents show."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

PICTURES = sorted((Path(__file__).parent.parent / "docs/pictures").glob("*.svg"))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_whole_and_fetches_nothing(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    ET.fromstring(text)
    # Relays' addresses are shown, as text.
    found = re.findall(r"(?!relay:)\b\w+://[^\s\"')]+", text)
    assert found == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"href|@import|url\(|<script", text)


def test_there_is_one_of_a_talk_and_all_are_small() -> None:
    assert {"talk-light.svg", "talk-dark.svg"} <= {picture.name for picture in PICTURES}
    assert sum(picture.stat().st_size for picture in PICTURES) < 100_000


def test_each_is_shown_somewhere() -> None:
    root = Path(__file__).parent.parent
    texts = "".join(path.read_text() for path in [root / "README.md", *(root / "docs").glob("*.md")])
    assert [picture.name for picture in PICTURES if picture.name not in texts] == []
