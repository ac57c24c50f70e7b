"""A table of the database as typed rows: a frozen dataclass whose fields are the columns."""

from dataclasses import fields
from typing import Any, Generic, Protocol, TypeVar, get_type_hints


class Executor(Protocol):
    """The part of ``Database`` that tables need."""

    def execute(self, sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""


Row = TypeVar("Row")


class Table(Generic[Row]):
    """Rows of type ``Row`` in table ``name``; ``key`` names the columns that identify one.

    An integer ``id`` of 0 in a row to insert asks the database for the next one. Conditions are SQL of our
    own with ``?`` for every value.
    """

    def __init__(self, database: Executor, name: str, row: type[Row], *key: str) -> None:
        self._database = database
        self._name = name
        self._row = row
        self._columns = [item.name for item in fields(row)]  # type: ignore[arg-type]  # rows are dataclasses
        hints = get_type_hints(row)
        self._flags = [index for index, column in enumerate(self._columns) if hints[column] is bool]
        self._key = key
        self._list = ", ".join(self._columns)

    def select(self, condition: str = "", *params: object) -> list[Row]:
        """The rows for which ``condition`` (``WHERE …``, ``ORDER BY …``) holds."""
        sql = f"SELECT {self._list} FROM {self._name} {condition}"  # noqa: S608 - names are constants of this package
        return [self._row(*self._values(row)) for row in self._database.execute(sql, params)]

    def one(self, condition: str, *params: object) -> Row | None:
        """The first of ``select``, or None."""
        rows = self.select(f"{condition} LIMIT 1", *params)
        return rows[0] if rows else None

    def count(self, condition: str = "", *params: object) -> int:
        """How many rows there are for which ``condition`` holds."""
        sql = f"SELECT count(*) FROM {self._name} {condition}"  # noqa: S608 - as in select
        ((number,),) = self._database.execute(sql, params)
        return int(number)

    def save(self, row: Row) -> int:
        """Insert ``row``, or replace the one with its key; the row's ``id`` where the table has one."""
        values = [getattr(row, column) for column in self._columns]
        if self._columns[0] == "id" and values[0] == 0:
            values[0] = None
        marks = ", ".join("?" * len(values))
        updates = ", ".join(
            f"{column} = excluded.{column}" for column in self._columns if column not in self._key
        )
        sql = (
            f"INSERT INTO {self._name} ({self._list}) VALUES ({marks}) "  # noqa: S608 - as in select
            f"ON CONFLICT ({', '.join(self._key)}) DO UPDATE SET {updates} RETURNING {self._columns[0]}"
        )
        ((first,),) = self._database.execute(sql, tuple(values))
        return first if isinstance(first, int) else 0

    def update(self, assignments: str, *params: object) -> None:
        """``UPDATE … SET`` with assignments and condition of our own."""
        self._database.execute(f"UPDATE {self._name} SET {assignments}", params)  # noqa: S608 - as in select

    def delete(self, condition: str, *params: object) -> None:
        """Remove the rows for which ``condition`` holds."""
        self._database.execute(f"DELETE FROM {self._name} {condition}", params)  # noqa: S608 - as in select

    def _values(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for index in self._flags:
            values[index] = bool(values[index])
        return values
