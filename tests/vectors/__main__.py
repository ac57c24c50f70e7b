"""Write every vector anew and say what changed: ``python -m tests.vectors``."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.vectors import flow, forged, pairing, plain, refusals
from tests.vectors.people import ALICE, BOB
from tests.vectors.talk import Kem

FOLDER = Path(__file__).parent


def _plain(value: object, *, inside: bool = False) -> object:
    """Bytes as hex; inside of "values", where texts occur beside them, as {"hex": ...}."""
    if isinstance(value, bytes):
        return {"hex": value.hex()} if inside else value.hex()
    if isinstance(value, dict):
        return {key: _plain(item, inside=inside or key == "values") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, inside=inside) for item in value]
    return value


def make() -> dict[str, str]:
    """Every file's text by its name."""
    kem = Kem()
    people = {person.name: person.secrets() for person in (ALICE, BOB)}
    files: dict[str, Iterable[object]] = {
        "conventions": plain.conventions(),
        "identity": plain.identities(),
        "prekeys": plain.prekeys(),
        "handshake": flow.handshakes(kem),
        "ratchet": flow.conversation(kem),
        "padding": plain.padding(),
        "payloads": plain.payloads(),
        "pairing": pairing.pairing(),
        "relay": plain.relay(),
        "refusals": [*refusals.all_plain(), *forged.first_messages(kem), *forged.envelopes(kem)],
    }
    texts = {}
    for name, vectors in files.items():
        content: dict[str, object] = {"vectors": _plain(list(vectors))}
        if name in ("handshake", "ratchet", "refusals"):
            content = {"people": people} | content
        texts[f"{name}.json"] = content
    texts["kem.json"] = {"vectors": list(kem.used.values())}
    return {name: json.dumps(each, indent=1, ensure_ascii=False) + "\n" for name, each in texts.items()}


def main() -> int:
    changed = 0
    for name, text in make().items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed += 1
            sys.stdout.write(f"changed: {name}\n")
    sys.stdout.write(f"{changed} files changed\n" if changed else "nothing changed\n")
    return min(changed, 1)


if __name__ == "__main__":
    sys.exit(main())
