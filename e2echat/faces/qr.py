"""QR codes in a terminal."""

import io

from e2echat.faces.output import Output


def draw_qr(content: str, out: Output) -> None:
    """Draw ``content`` without spaces, in capitals: letters of one case make a smaller picture."""
    import segno  # noqa: PLC0415 - only for who asks for the picture

    picture = io.StringIO()
    segno.make(content.replace(" ", "").upper(), micro=False).terminal(picture, compact=True)
    for row in picture.getvalue().splitlines():
        out.line(row)
