"""QR codes in a terminal."""

import io

from e2echat.faces.output import Output, Style


def qr_rows(content: str) -> list[str]:
    """The rows of a picture of ``content`` without spaces, in capitals: letters of one case make a smaller picture.

    Half a row a module; what is drawn is the light of it.
    """
    import segno  # noqa: PLC0415 - only for who asks for the picture

    picture = io.StringIO()
    segno.make(content.replace(" ", "").upper(), micro=False).terminal(picture, compact=True)
    *rows, last = picture.getvalue().splitlines()
    # Of an odd number of modules half a row is left, which belongs to the light margin, too.
    return [*rows, last.replace("▀", "█") if set(last) == {"▀"} else last]


def draw_qr(content: str, out: Output) -> None:
    """Draw ``content``, in colours that are read on a light screen, too."""
    for row in qr_rows(content):
        out.exact((Style.PICTURE, row))
