"""What a relay must not have learned: each check states what holds, or lists where it does not. No I/O."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from mmap import mmap

from e2echat.crypto.padding import ENVELOPE_FLOOR, FIRST_ENVELOPE_FLOOR, MAX_ENVELOPE, padme
from e2echat.relay.audit.traffic import Collected, Envelope, Person
from e2echat.relay.audit.uniformity import looks_sealed

MOST_FOUND = 20
"""Places that one check lists; more of them say nothing new."""
MOST_SEARCHES = 5_000_000
"""Of one key in one envelope: a few seconds. Beyond it, envelopes are taken at even distances."""
_BLOCK = 16
"""Bytes of what is looked for in two envelopes: as long as the shortest thing that could be a tag of somebody's."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check. ``claim`` is what holds if ``found`` is empty; ``looked_at`` says of how much."""

    name: str
    claim: str
    looked_at: str
    found: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.found


def checks(seen: Collected) -> list[Check]:
    """All checks of what a record holds."""
    return [make(seen) for make in (_sealed, _keys, _names, _owners, _sizes, _tags)]


def check_texts(texts: Iterable[bytes], places: Iterable[tuple[str, bytes | mmap]]) -> Check:
    """Known texts looked for in everything that the relay had: ``places`` are its parts by name."""
    wanted = sorted(set(texts))
    searched, found = 0, []
    for where, data in places:
        searched += len(data)
        found += [
            f"text {number} of {len(wanted)} is in {where}"
            for number, text in enumerate(wanted, 1)
            if data.find(text) >= 0
        ]
    claim = "None of the known texts is anywhere in what the relay had."
    return Check("texts", claim, f"{len(wanted)} texts, {searched:,} bytes searched", _most(found))


def _sealed(seen: Collected) -> Check:
    bodies = _with_body(seen)
    found = (f"{_place(envelope)} has one" for envelope in bodies if not looks_sealed(envelope.body))
    claim = "No envelope has a pattern or readable text in it."
    return Check("sealed", claim, f"{len(bodies):,} envelopes", _most(found))


def _keys(seen: Collected) -> Check:
    keys = [(person, what, key) for person in seen.people.values() for what, key in person.keys.items()]
    bodies = _sample(_with_body(seen), MOST_SEARCHES // max(1, len(keys)))
    found = (
        f"{_place(envelope)} shows the {what} of {person.name}"
        for envelope in bodies
        for person, what, key in keys
        if key in envelope.body
    )
    claim = "No envelope shows a key or record of anybody, sender or recipient."
    return Check("keys", claim, f"{len(keys)} keys and records, {len(bodies):,} envelopes", _most(found))


def _names(seen: Collected) -> Check:
    people = list(seen.people.values())
    bodies = _sample(_with_body(seen), MOST_SEARCHES // max(1, len(people)))
    found = (
        f"{_place(envelope)} carries the name {person.name}"
        for envelope in bodies
        for person in people
        if _name_in(person, envelope.body)
    )
    claim = "No envelope carries a name."
    return Check("names", claim, f"{len(people)} names, {len(bodies):,} envelopes", _most(found))


def _owners(seen: Collected) -> Check:
    found = []
    for traffic in seen.connections.values():
        if len(traffic.own_names) > 1:
            found.append(f"connection {traffic.number} signed in as {_list(traffic.own_names)}")
        if traffic.own_names and traffic.is_sender:
            found.append(f"connection {traffic.number} of {_list(traffic.own_names)} also asks or delivers")
    claim = "No connection says both whose it is and to whom it delivers."
    return Check("connections", claim, f"{len(seen.connections)} connections", _most(found))


def _sizes(seen: Collected) -> Check:
    sizes = Counter(envelope.size for envelope in seen.envelopes)
    found = (
        f"{count:,} envelopes of {size:,} bytes"
        for size, count in sorted(sizes.items())
        if not is_padded(size)
    )
    claim = "Every envelope has a padded size."
    return Check("sizes", claim, f"{len(sizes)} sizes of {len(seen.envelopes):,} envelopes", _most(found))


def _tags(seen: Collected) -> Check:
    bodies = [envelope for envelope in _with_body(seen) if not envelope.begins]
    claim = (
        "No two envelopes of a session that has been answered share anything, and no id names two of them."
    )
    found = [*_shared_blocks(bodies), *_shared_ids(seen)]
    return Check("tags", claim, f"{len(bodies):,} envelopes", _most(found))


def _shared_blocks(envelopes: list[Envelope]) -> Iterator[str]:
    """The same bytes at the same place of two different envelopes: by chance once in 10³⁰ pairs."""
    first: dict[tuple[int, bytes], Envelope] = {}
    for envelope in {envelope.body: envelope for envelope in envelopes}.values():
        for position in range(0, len(envelope.body) - _BLOCK + 1, _BLOCK):
            other = first.setdefault((position, envelope.body[position : position + _BLOCK]), envelope)
            if other is not envelope:
                yield f"{_place(envelope)} and {_place(other)} share bytes {position} to {position + _BLOCK}"
                break


def _shared_ids(seen: Collected) -> Iterator[str]:
    bodies: dict[bytes, set[bytes]] = defaultdict(set)
    for envelope in _with_body(seen):
        bodies[envelope.envelope_id].add(envelope.body)
    for number in (len(each) for each in bodies.values()):
        if number > 1:
            yield f"one id names {number} different envelopes"


def is_padded(size: int) -> bool:
    """Whether envelopes may have this size: a floor, or one that PADMÉ gives."""
    return size in (ENVELOPE_FLOOR, FIRST_ENVELOPE_FLOOR) or (
        ENVELOPE_FLOOR < size <= MAX_ENVELOPE and padme(size) == size
    )


def _with_body(seen: Collected) -> list[Envelope]:
    return [envelope for envelope in seen.envelopes if envelope.body]


def _sample(envelopes: list[Envelope], most: int) -> list[Envelope]:
    return envelopes[:: -(-len(envelopes) // max(1, most))] if envelopes else []


def _name_in(person: Person, body: bytes) -> bool:
    """A name stands behind its length wherever records are; one of four letters would be found by chance without that."""
    return len(person.name).to_bytes(4) + person.name.encode() in body


def _place(envelope: Envelope) -> str:
    return f"an envelope of connection {envelope.connection}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _most(found: Iterable[str]) -> tuple[str, ...]:
    listed = []
    for each in found:
        listed.append(each)
        if len(listed) == MOST_FOUND:
            break
    return tuple(listed)
