"""What a terminal sends that begins like an answer of its own: reports are taken or dropped, anything else is text.

Whoever pastes coloured text without the terminal saying so sends the same first characters as a mouse that is clicked.
"""

import re

from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

_CLICK = re.compile(r"\x1b\[(?:<\d+;\d+;\d+[Mm]|\d+;\d+;\d+M)", re.ASCII)
"""As xterm and urxvt report it; nobody here asks for it, so that a program before us has left it on."""


def sequence_keys() -> KeyBindings:
    """Bindings that stand in for the toolkit's own, which take every such sequence for well-formed."""
    keys = KeyBindings()

    @keys.add(Keys.Vt100MouseEvent)
    def _(event: KeyPressEvent) -> None:
        if not _CLICK.fullmatch(event.data):
            event.current_buffer.insert_text(event.data)

    @keys.add(Keys.CPRResponse, save_before=lambda _event: False)
    def _(event: KeyPressEvent) -> None:
        # Whatever row it says: told that it is the last one, the toolkit draws what belongs below a line right there,
        # and not at the bottom of an empty window.
        event.app.renderer.report_absolute_cursor_row(event.app.output.get_size().rows)

    return keys
