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
    assert re.findall(r"\w+://[^\s\"')]+", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"href|@import|url\(|<script", text)


def test_there_is_one_of_a_talk() -> None:
    assert "talk.svg" in [picture.name for picture in PICTURES]
