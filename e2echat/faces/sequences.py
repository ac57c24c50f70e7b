"""What a terminal sends that begins like an answer of its own: reports are taken or dropped, anything else is text.

Whoever pastes coloured text without the terminal saying so sends the same first characters as a mouse that is clicked.
"""

import re

from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

_CLICK = re.compile(r"\x1b\[(?:<\d+;\d+;\d+[Mm]|\d+;\d+;\d+M)", re.ASCII)
"""As xterm and urxvt report it; nobody here asks for it, so that a program before us has left it on."""
_CURSOR = re.compile(r"\x1b\[(\d{1,5});\d{1,5}R", re.ASCII)


def sequence_keys() -> KeyBindings:
    """Bindings that stand in for the toolkit's own, which take every such sequence for well-formed."""
    keys = KeyBindings()

    @keys.add(Keys.Vt100MouseEvent)
    def _(event: KeyPressEvent) -> None:
        if not _CLICK.fullmatch(event.data):
            event.current_buffer.insert_text(event.data)

    @keys.add(Keys.CPRResponse, save_before=lambda _event: False)
    def _(event: KeyPressEvent) -> None:
        cursor = _CURSOR.fullmatch(event.data)
        if cursor:
            event.app.renderer.report_absolute_cursor_row(int(cursor[1]))

    return keys
