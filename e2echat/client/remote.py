"""The account in another process: its methods as calls over the owner's socket."""

import os
import select
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from e2echat.client.backend import GoneError
from e2echat.client.methods import served_method
from e2echat.client.rpc import MAX_ANSWER, VERSION, Answer, Id, Lines, parse_answer, request_line
from e2echat.client.values import from_json, to_json
from e2echat.errors import E2EChatError, MalformedError, OwnerSilentError, ProfileBusyError
from e2echat.unix_sockets import peer_of, reachable

TICK = 0.5
"""Seconds of silence after which the owner is asked for a sign of life."""
PATIENCE = 4
"""Ticks of silence until it is given up: two seconds."""
BUSY = 40
"""The same for an owner that is seen to work."""
_SEND_PATIENCE = struct.pack("ll", 2, 0)
"""Linux's ``struct timeval``."""
_PING = request_line("ping", {}, 0)


class Remote:
    """A connection to the process that owns the profile. Any thread may call.

    Calls wait each by itself; one thread reads the answers. Ticks are counted, not measured: a process that was
    suspended has waited for one tick only.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._answers: dict[Id, Answer | None] = {}
        self._last = 0
        self._heard = 0
        """How much was read; any of it is a sign of life."""
        self._refused: E2EChatError | None = None
        self._gone = False
        self._when_gone: Callable[[Remote], None] | None = None
        self.owner = 0
        """The process at the other end."""
        self._reader = threading.Thread(target=self._read, name="e2echat-attached", daemon=True)
        try:
            self._connect(path)
        except BaseException:
            self._socket.close()
            raise
        self._reader.start()

    def _connect(self, path: Path) -> None:
        """Raises GoneError: nobody serves there."""
        self._socket.settimeout(TICK * PATIENCE)
        try:
            with reachable(path) as name:
                self._socket.connect(name)
            self.owner, user = peer_of(self._socket)
        except TimeoutError as error:
            # So many wait for the owner to look that there is no room for another.
            raise ProfileBusyError("the process that holds this profile does not answer") from error
        except OSError as error:
            raise GoneError from error
        if user != os.geteuid():
            raise ProfileBusyError(f"process {self.owner} of another user serves this profile")
        self._socket.settimeout(None)
        # Not for reading, which waits for as long as it takes.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_PATIENCE)

    def hello(self, *, connect: bool, inherit: bool) -> str | None:
        """Begin; with ``inherit`` what opens the profile's vault, in hexadecimal.

        Raises:
            GoneError, OwnerSilentError, ProfileBusyError: the owner is not there, silent, or of another version.
        """
        params = {"version": VERSION, "connect": connect, "inherit": inherit}
        vault: str | None = self._ask("hello", params).get("vault")
        return vault

    def unlock(self, passphrase: str) -> None:
        """Have a locked profile opened at the other end; with an open one nothing happens.

        Raises:
            WrongPassphraseError, StorageError: it is not the one; or the vault cannot be read.
            GoneError, OwnerSilentError: as for ``hello``.
        """
        self._ask("unlock", {"passphrase": passphrase})

    def call(self, name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - see ``Backend``
        """See ``Backend``. Also raises OwnerSilentError."""
        params = {key: to_json(value) for key, value in arguments.items()}
        return from_json(served_method(name).result, self._ask(name, params), name)

    def watch(self, when_gone: Callable[["Remote"], None]) -> None:
        """Call back once it has ended, on a thread of its own that then ends, too.

        Raises:
            GoneError: it has.
        """
        with self._changed:
            if self._gone:
                raise GoneError
            self._when_gone = when_gone

    def close(self) -> None:
        """End the connection."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._reader is not threading.current_thread():
            self._reader.join()

    # --- inside ----------------------------------------------------------------------------------------------------

    def _ask(self, name: str, params: dict[str, Any]) -> Any:  # noqa: ANN401 - what came
        with self._changed:
            self._last += 1
            number = self._last
            self._answers[number] = None
        try:
            self._send(request_line(name, params, number))
            answer = self._await(number)
        finally:
            with self._changed:
                del self._answers[number]
        if answer.error is not None:
            raise answer.error
        return answer.result

    def _await(self, number: int) -> Answer:
        quiet, heard = 0, -1
        while True:
            with self._changed:
                if self._heard != heard:
                    quiet, heard = 0, self._heard
                answer = self._answers[number]
                if answer is not None:
                    return answer
                if self._gone:
                    raise self._refused or GoneError
                if self._changed.wait(TICK):
                    continue
            quiet += 1
            if quiet >= (BUSY if _is_busy(self.owner) else PATIENCE) and not self._has_unread():
                raise self._silent()
            self._send(_PING)

    def _silent(self) -> OwnerSilentError:
        return OwnerSilentError(
            f"process {self.owner} holds this profile and does not answer; if it is suspended, let it go on "
            f"(fg, or kill -CONT {self.owner}), else end it (kill {self.owner})"
        )

    def _has_unread(self) -> bool:
        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLIN)
        except ValueError:  # closed meanwhile
            return True
        return bool(poll.poll(0))

    def _send(self, line: bytes) -> None:
        try:
            with self._sending:
                self._socket.sendall(line)
        except BlockingIOError as error:
            raise self._silent() from error
        except OSError:
            pass  # it has ended, as the reader finds, after what was said before

    def _read(self) -> None:
        lines = Lines(MAX_ANSWER)
        try:
            while data := self._socket.recv(1 << 18):
                answers = [parse_answer(line) for line in lines.feed(data)]
                with self._changed:
                    self._heard += 1
                    for answer in answers:
                        if answer.id in self._answers:
                            self._answers[answer.id] = answer
                        elif answer.id is None:
                            self._refused = answer.error
                    self._changed.notify_all()
        except (OSError, MalformedError):
            pass  # either way nothing more comes
        self._socket.close()
        with self._changed:
            self._gone = True
            self._changed.notify_all()
        if self._when_gone is not None:
            self._when_gone(self)


def _is_busy(process: int) -> bool:
    """Whether it waits for a processor or the disk rather than for us: a machine with much to do is not silence."""
    with suppress(OSError):
        for stat in Path(f"/proc/{process}/task").glob("*/stat"):
            if stat.read_bytes().rpartition(b") ")[2][:1] in b"RD":
                return True
    return False
