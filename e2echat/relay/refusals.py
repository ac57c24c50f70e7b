"""How a request is refused, from wherever that is decided. No I/O."""

from e2echat.wire.relay_messages import Refusal


class RefusedRequestError(Exception):
    """A request that is answered with a reason. ``kind`` names it among the metrics, if not by the reason."""

    def __init__(self, reason: Refusal, kind: str | None = None) -> None:
        super().__init__(reason.name)
        self.reason = reason
        self.kind = kind or reason.name.lower()
