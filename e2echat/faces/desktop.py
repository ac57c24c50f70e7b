"""A notification on the desktop, over D-Bus: org.freedesktop.Notifications, "Desktop Notifications Specification" 1.2.

Not by ``notify-send``: other users of the machine can read the arguments of a process, and a socket they cannot.
"""

import html
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageType, Parser, new_method_call
from jeepney.auth import BEGIN, AuthenticationError, Authenticator
from jeepney.bus import find_session_bus
from jeepney.bus_messages import message_bus

from e2echat.unix_sockets import peer_of

PATIENCE = 1.0
"""Seconds for each answer of the bus."""
MOST_ANSWERS = 100
"""Messages that are read until the one that is waited for."""
_AS_THE_DESKTOP_LIKES = -1
_NOTIFICATIONS = DBusAddress(
    "/org/freedesktop/Notifications",
    bus_name="org.freedesktop.Notifications",
    interface="org.freedesktop.Notifications",
)


def show(summary: str, body: str) -> None:
    """Show two texts, in which nothing is invisible any more.

    Raises:
        OSError: there is no desktop that takes it.
    """
    with _connected() as bus:
        # Some desktops take a text for a kind of HTML, and say so.
        marks_up = "body-markup" in bus.call(new_method_call(_NOTIFICATIONS, "GetCapabilities"))[0]
        shown = html.escape(body, quote=False) if marks_up else body
        nothing: tuple[list[str], dict[str, object]] = [], {}
        # Who, instead of which earlier one, icon, texts, buttons, hints, how long.
        values = ("e2echat", 0, "", summary, shown, *nothing, _AS_THE_DESKTOP_LIKES)
        bus.call(new_method_call(_NOTIFICATIONS, "Notify", "susssasa{sv}i", values))


class _Bus:
    """The session's bus on a socket, signed in."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._parser = Parser()
        self._serial = 0
        # A D-Bus server learns who we are from the socket.
        self._socket.sendall(b"\0")
        authenticator = Authenticator(inc_null_byte=False)
        for request in authenticator:
            self._socket.sendall(request)
            authenticator.feed(self._received())
        self._socket.sendall(BEGIN)
        self.call(message_bus.Hello())

    def call(self, message: Message) -> Any:  # noqa: ANN401 - as the method has it
        """What the method gives; OSError if that is an error."""
        self._serial += 1
        self._socket.sendall(message.serialise(serial=self._serial))
        for _ in range(MOST_ANSWERS):
            answer = self._next()
            if answer.header.fields.get(HeaderFields.reply_serial) == self._serial:
                if answer.header.message_type is MessageType.error:
                    raise OSError("nobody shows notifications here")
                return answer.body
        raise OSError("the bus does not answer")

    def _next(self) -> Message:
        while (message := self._parser.get_next_message()) is None:
            self._parser.add_data(self._received())
        return message

    def _received(self) -> bytes:
        data = self._socket.recv(4096)
        if not data:
            raise OSError("the bus has closed the connection")
        return data


@contextmanager
def _connected() -> Iterator[_Bus]:
    try:
        address = find_session_bus()
    except (KeyError, ValueError, RuntimeError, StopIteration) as error:
        raise OSError("this session has no D-Bus") from error
    with socket.socket(socket.AF_UNIX) as connected:
        connected.settimeout(PATIENCE)
        connected.connect(address)
        # Whoever takes over the address of a bus that has ended would be shown everything.
        if peer_of(connected)[1] != os.getuid():
            raise OSError("the session's D-Bus belongs to somebody else")
        try:
            yield _Bus(connected)
        except AuthenticationError as error:
            raise OSError("the bus does not let us in") from error
