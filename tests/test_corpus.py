"""Every hostile input of ``corpus/`` to every target of ``fuzz/``: a value, or an error of ours."""

from pathlib import Path

import pytest

from fuzz import corpus
from fuzz.targets import TARGETS, try_one

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.hex"))


def test_there_is_a_corpus() -> None:
    assert CORPUS
    assert {path.stem for path in corpus.KEPT.glob("*.hex")} == set(TARGETS)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", TARGETS)
def test_replay(path: Path, name: str) -> None:
    title, *lines = path.read_text(encoding="ascii").splitlines()
    assert title.startswith("# ")
    try_one(name, bytes.fromhex("".join(lines)))


@pytest.mark.parametrize("name", TARGETS)
def test_what_fuzzing_found(name: str) -> None:
    for data in corpus.load(name):
        try_one(name, data)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_valid_somewhere(name: str) -> None:
    """The bytes of all vectors, a sixth of them a target: the machines take a few milliseconds each."""
    for data in list(corpus.vectors())[list(TARGETS).index(name) % 6 :: 6]:
        try_one(name, data)
