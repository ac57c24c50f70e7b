"""The demo's processes, started as anybody would start them: a relay on loopback, two accounts, two talks."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from e2echat.errors import E2EChatError

PATIENCE = 30.0
"""Seconds that any one step may take."""
GRACE = 5.0
"""Seconds that a process has to end when it is asked to."""
LONGEST_LINE = 1 << 20
"""Bytes; a JSON line is at most six times as long as the longest message."""

Result = TypeVar("Result")


class DemoError(E2EChatError):
    """The demo did not go as it should."""


async def within(step: Awaitable[Result], what: str) -> Result:
    """The result of ``step``.

    Raises:
        DemoError: it took longer than ``PATIENCE``; ``what`` says of it what did not happen.
    """
    try:
        return await asyncio.wait_for(step, PATIENCE)
    except TimeoutError as error:
        raise DemoError(f"{what} within {PATIENCE:.0f} seconds.") from error


class Talker:
    """One ``e2echat --json talk`` with pipes for its terminal."""

    def __init__(self, name: str, peer: str, process: Process, log: Path) -> None:
        self.name = name
        self.peer = peer
        self._process = process
        self._log = log

    async def say(self, text: str) -> None:
        """Type one line.

        Raises:
            DemoError: the process has ended.
        """
        stdin = _there(self._process.stdin)
        try:
            stdin.write(text.encode() + b"\n")
            await stdin.drain()
        except ConnectionError as error:
            raise DemoError(self.complaint()) from error

    async def shown(self) -> dict[str, Any]:
        """The next object that it prints.

        Raises:
            DemoError: the process has ended.
        """
        line = await _there(self._process.stdout).readline()
        if not line:
            raise DemoError(self.complaint())
        printed: dict[str, Any] = json.loads(line)
        return printed

    async def hears(self) -> str:
        """The text of the next message that it prints; what else it prints is passed over.

        Raises:
            DemoError: the process has ended.
        """
        while True:
            printed = await self.shown()
            if printed["type"] == "message":
                return str(printed["text"])

    async def leave(self) -> None:
        """End the input, and wait until all that was said is delivered.

        Raises:
            DemoError: it is not, or something else went wrong.
        """
        _there(self._process.stdin).close()
        if await self._process.wait():
            raise DemoError(self.complaint())

    def complaint(self) -> str:
        """Why it has ended, in its own words."""
        return f"{self.name}'s talk ended. {_words(self._log)}"


class Stage:
    """A relay and its accounts in ``directory``. ``record``: what the relay writes down of all that it sees."""

    def __init__(self, directory: Path, record: Path | None = None) -> None:
        self.directory = directory
        self.record = record or directory / "relay.record"
        self.relay_log = directory / "relay.log"
        self.relay_data = directory / "relay"
        self.address = ""
        self._processes: list[Process] = []

    async def begin(self, *names: str) -> None:
        """Start the relay and make the accounts.

        Raises:
            DemoError: one of them failed.
        """
        serve = ("relay", "--listen", "127.0.0.1:0", "--data", self.relay_data, "--record", self.record)
        relay = await self._start(self.relay_log, *serve)
        self.address = (
            (await within(_there(relay.stdout).readline(), "The relay did not start")).decode().strip()
        )
        if not self.address:
            raise DemoError(f"The relay did not start. {_words(self.relay_log)}")
        await asyncio.gather(*(self._make_account(name) for name in names))

    async def talk(self, name: str, peer: str) -> Talker:
        """Let ``name`` talk with ``peer``."""
        log = self.directory / f"{name}.talk.log"
        process = await self._start(log, "--home", self.home(name), "--json", "talk", "--peer", peer)
        return Talker(name, peer, process, log)

    def home(self, name: str) -> Path:
        """The profile of ``name``."""
        return self.directory / name

    async def relay_ends(self) -> None:
        """Wait for what must not happen.

        Raises:
            DemoError: it has happened.
        """
        await self._processes[0].wait()
        raise DemoError(f"The relay has ended. {_words(self.relay_log)}")

    async def end(self) -> None:
        """Ask every process to end, the relay last, and see to it that it has."""
        try:
            for process in reversed(self._processes):
                await _end(process)
        finally:
            # Only if asking was interrupted is anything left here.
            for process in self._processes:
                if process.returncode is None:
                    process.kill()

    async def _make_account(self, name: str) -> None:
        log = self.directory / f"{name}.init.log"
        make = ("--home", self.home(name), "init", name, "--relay", self.address, "--no-passphrase")
        process = await self._start(log, *make)
        await within(_there(process.stdout).read(), f"The account of {name} was not made")
        if await process.wait():
            raise DemoError(f"The account of {name} was not made. {_words(log)}")

    async def _start(self, log: Path, *arguments: str | Path) -> Process:
        # A session of its own: Ctrl+C is for us alone, who end the others in their order.
        talks = "talk" in arguments
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "e2echat", *map(str, arguments)),
                stdin=PIPE if talks else DEVNULL,
                stdout=PIPE,
                stderr=errors,
                env={name: value for name, value in os.environ.items() if not name.startswith("E2ECHAT_")},
                limit=LONGEST_LINE,
                start_new_session=True,
            )
        self._processes.append(process)
        return process


@asynccontextmanager
async def open_stage(*names: str, record: Path | None = None) -> AsyncIterator[Stage]:
    """A stage with accounts of these names; behind it every process has ended and every file but ``record`` is gone.

    Raises:
        DemoError: it could not be set up.
    """
    with TemporaryDirectory(prefix="e2echat-demo-") as directory:
        stage = Stage(Path(directory), record)
        try:
            await stage.begin(*names)
            yield stage
        finally:
            await stage.end()


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            process.kill()
            await process.wait()


def _there(stream: Result | None) -> Result:
    """A stream that was asked for as a pipe."""
    if stream is None:
        raise TypeError("not a pipe")
    return stream


def _words(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()
