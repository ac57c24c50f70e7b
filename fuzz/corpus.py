"""What is worth trying first: a file a target in ``tests/corpus/fuzz``, an input a line, in hexadecimal."""

import json
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "tests" / "corpus" / "fuzz"
MOST_BYTES, MOST_INPUTS = 3000, 64
"""Of one input, and of one target: enough to get everywhere, few enough to replay in every run of the tests."""


def load(name: str) -> list[bytes]:
    """The inputs that are kept for a target."""
    path = KEPT / f"{name}.hex"
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return [bytes.fromhex(line) for line in lines if not line.startswith("#")]


def save(name: str, inputs: list[bytes]) -> None:
    """Keep the smallest of ``inputs``."""
    small = sorted({each for each in inputs if len(each) <= MOST_BYTES}, key=lambda each: (len(each), each))
    KEPT.mkdir(exist_ok=True)
    lines = [
        f"# inputs of the target {name}, found by fuzzing",
        *(each.hex() for each in small[:MOST_INPUTS]),
    ]
    (KEPT / f"{name}.hex").write_text("\n".join(lines) + "\n", encoding="ascii")


def vectors() -> Iterator[bytes]:
    """Every string of bytes in the vectors and the corpus: what valid things look like."""
    for path in sorted((ROOT / "tests" / "vectors").glob("*.json")):
        yield from _strings(json.loads(path.read_text(encoding="utf-8")))
    for path in sorted((ROOT / "tests" / "corpus").glob("*.hex")):
        yield bytes.fromhex("".join(path.read_text(encoding="ascii").splitlines()[1:]))


def _strings(value: object) -> Iterator[bytes]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        try:
            yield bytes.fromhex(value)
        except ValueError:
            return
