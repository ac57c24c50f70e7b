"""Terminal windows as SVG: no fonts, no scripts, nothing fetched, and columns that stay columns in any font."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from docs.pictures.terminal import Run

WIDTH, HEIGHT = 8.4, 19.0
"""Of a character, in pixels at a font size of 14."""
MARGIN, PADDING, BAR = 14.0, 12.0, 30.0
"""Around the whole, inside a window, and a window's title."""
STYLE = """
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
.b { font-weight: bold }
"""


_ABSOLUTE = {"black": "#000000", "white": "#ffffff", "brightwhite": "#ffffff"}
_BLOCKS = {"█": (0.0, 1.0), "▀": (0.0, 0.5), "▄": (0.5, 0.5)}
"""Where in its row a block begins, and how high it is: drawn as such, since fonts leave gaps between them."""


@dataclass(frozen=True, slots=True)
class Theme:
    """A terminal's colours. ``colours``: by pyte's names; whatever is not there is drawn in ``ink``."""

    name: str
    paper: str
    ink: str
    edge: str
    colours: Mapping[str, str]

    def ink_of(self, name: str) -> str:
        """As it is drawn; ``on`` and ``as`` stand before what is reversed."""
        kind, _, colour = name.rpartition(" ")
        if colour in _ABSOLUTE:
            # As a picture that phones read has them, whatever the theme.
            return _ABSOLUTE[colour]
        if colour == "default":
            return self.paper if kind == "on" else self.ink
        return self.colours.get(colour, self.ink)


DARK = Theme(
    "dark",
    paper="#0e1420",
    ink="#d5dbe6",
    edge="#2b3547",
    colours={
        "brightblack": "#8793a8",
        "red": "#f2777a",
        "green": "#7fd88f",
        "brown": "#e6c07b",
        "blue": "#6cb6ff",
        "magenta": "#d2a8ff",
        "cyan": "#67d4e8",
    },
)
LIGHT = Theme(
    "light",
    paper="#ffffff",
    ink="#1f2328",
    edge="#c4ccd6",
    colours={
        "brightblack": "#59636e",
        "red": "#b3122a",
        "green": "#116329",
        "brown": "#7d4e00",
        "blue": "#0550ae",
        "magenta": "#6639ba",
        "cyan": "#05607a",
    },
)


@dataclass(frozen=True, slots=True)
class Shot:
    """What a window shows."""

    title: str
    columns: int
    rows: list[list[Run]]

    @property
    def width(self) -> float:
        """In pixels."""
        return self.columns * WIDTH + 2 * PADDING

    @property
    def height(self) -> float:
        """In pixels."""
        return len(self.rows) * HEIGHT + BAR + 2 * PADDING


def picture(label: str, theme: Theme, shelves: list[list[Shot]]) -> str:
    """The SVG of windows beside one another, shelf below shelf."""
    width = max(sum(shot.width + MARGIN for shot in shelf) for shelf in shelves) + MARGIN
    lines, top = [], MARGIN
    for shelf in shelves:
        left = MARGIN
        for shot in shelf:
            # What is alone on a shelf takes all of it.
            wide = width - 2 * MARGIN if len(shelf) == 1 else shot.width
            lines += list(_window(left, top, wide, shot, theme))
            left += wide + MARGIN
        top += max(shot.height for shot in shelf) + MARGIN
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {top:g}" fill="{theme.ink}" role="img">',
        f"<title>{escape(label)}</title>",
        f"<style>{STYLE}</style>",
    ]
    return "\n".join([*head, *lines, "</svg>"]) + "\n"


def _window(left: float, top: float, width: float, shot: Shot, theme: Theme) -> Iterator[str]:
    yield f'<g transform="translate({left:g} {top:g})">'
    yield f'<rect width="{width:g}" height="{shot.height:g}" rx="9" fill="{theme.paper}" stroke="{theme.edge}"/>'
    for index, colour in enumerate(("red", "brown", "green")):
        yield f'<circle cx="{18 + 18 * index}" cy="{BAR / 2 + 1:g}" r="5" fill="{theme.ink_of(colour)}"/>'
    faint = theme.ink_of("brightblack")
    yield f'<text x="{width / 2:g}" y="{BAR / 2 + 6:g}" text-anchor="middle" fill="{faint}">{escape(shot.title)}</text>'
    for index, row in enumerate(shot.rows):
        for part in row:
            yield _drawn(part, BAR + PADDING + index * HEIGHT, theme)
    yield "</g>"


def _drawn(part: Run, top: float, theme: Theme) -> str:
    """One run; its length is given, so that columns stay columns in any font."""
    x, length = PADDING + part.column * WIDTH, part.columns * WIDTH
    if not part.text:
        paper = theme.ink_of(part.paper)
        return f'<rect x="{x:g}" y="{top:g}" width="{length:g}" height="{HEIGHT:g}" fill="{paper}"/>'
    ink = theme.ink_of(part.ink)
    if set(part.text) <= {*_BLOCKS, " "}:
        return f'<path fill="{ink}" shape-rendering="crispEdges" d="{"".join(_blocks(part.text, x, top))}"/>'
    look = (' class="b"' if part.bold else "") + ("" if ink == theme.ink else f' fill="{ink}"')
    return f'<text{look} x="{x:g}" y="{top + 14:g}" textLength="{length:g}" lengthAdjust="spacingAndGlyphs">{escape(part.text)}</text>'


def _blocks(text: str, left: float, top: float) -> Iterator[str]:
    for found in re.finditer(r"(\S)\1*", text):
        begins, high = _BLOCKS[found.group(1)]
        x, wide = left + found.start() * WIDTH, len(found.group()) * WIDTH
        yield f"M{x:g} {top + begins * HEIGHT:g}h{wide:g}v{high * HEIGHT:g}h-{wide:g}z"
