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
    return picture.getvalue().splitlines()


def draw_qr(content: str, out: Output) -> None:
    """Draw ``content``, in colours that are read on a light screen, too."""
    for row in qr_rows(content):
        out.line((Style.PICTURE, row))
