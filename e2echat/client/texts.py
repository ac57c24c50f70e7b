"""What a person types: texts to send, numbers to compare."""

from e2echat.crypto.payloads import MAX_TEXT
from e2echat.errors import InvalidTextError, LocalError, TextTooLongError

NUMBER_DIGITS = 60


def require_text(text: str) -> None:
    """Refuse what is no text.

    Raises:
        InvalidTextError: it is empty, or not Unicode.
        TextTooLongError: it does not fit into a message.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidTextError("the text is not valid Unicode") from error
    if size > MAX_TEXT:
        raise TextTooLongError(f"the text has {size} bytes; {MAX_TEXT} fit into a message")
    if not text:
        raise InvalidTextError("there is no text to send")


def safety_digits(number: str) -> str:
    """The digits of a safety number, however they were grouped.

    Raises:
        LocalError: it is none.
    """
    digits = "".join(number.split())
    if len(digits) != NUMBER_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise LocalError("a safety number is twelve groups of five digits")
    return digits
