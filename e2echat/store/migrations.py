"""The steps that bring an older database up to date. docs/spec/storage.md, "Upgrades".

To change the schema, add ``schema/NNNN_name.sql`` with the next number, one statement's end a line at most. What has
landed is never edited: it has been applied somewhere.
"""

import sqlite3
from collections.abc import Iterator
from importlib.resources import files


def schema_scripts() -> list[str]:
    """The text of ``store/schema/NNNN_name.sql`` in order; the n-th leads to version n."""
    folder = files("e2echat.store") / "schema"
    found = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    numbers = [int(name.partition("_")[0]) for name, _ in found]
    if numbers != list(range(1, len(found) + 1)):
        raise RuntimeError("the schema's scripts are not numbered from 0001 on")
    return [entry.read_text("utf-8") for _, entry in found]


def statements(script: str) -> Iterator[str]:
    """The statements of ``script`` one by one, so that all of them can be in one transaction of ours."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
