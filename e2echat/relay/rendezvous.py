"""Where two people who share a short code find each other, in memory and for minutes. Pure. docs/spec/relay.md, "Meeting"."""

from collections import OrderedDict
from hmac import compare_digest

from e2echat.crypto.primitives import H
from e2echat.relay.limits import Limits
from e2echat.relay.refusals import RefusedRequestError
from e2echat.wire.relay_messages import Meet, Refusal


class _Place:
    """One nameplate. What each side has said is opaque, and only ever added to."""

    __slots__ = ("ends", "inviter", "inviter_said", "joiner", "joiner_said")

    def __init__(self, inviter: bytes, ends: float) -> None:
        self.ends = ends
        self.inviter = inviter
        """Hash of the key that speaks for this side."""
        self.inviter_said: list[bytes] = []
        self.joiner: bytes | None = None
        self.joiner_said: list[bytes] = []


class Rendezvous:
    """All nameplates, the oldest first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places: OrderedDict[str, _Place] = OrderedDict()

    def meet(self, message: Meet, now: float) -> list[bytes]:
        """Say what one side has said so far; what the other has.

        Raises:
            RefusedRequestError: NAME_TAKEN, another's nameplate; NO_SUCH_NAME, nobody invites there, or somebody else
                joined; LIMIT, there are too many; MALFORMED, something else than before was said.
        """
        self._expire(now)
        side = self._invite if message.inviter else self._join
        heard = side(message, H("meeting", message.key), now)
        if message.leave:
            self._places.pop(message.nameplate, None)
        return heard

    def _invite(self, message: Meet, key: bytes, now: float) -> list[bytes]:
        place = self._places.get(message.nameplate)
        if place is None:
            if message.leave:
                return []
            if len(self._places) >= self._limits.meetings:
                raise RefusedRequestError(Refusal.LIMIT)
            place = self._places[message.nameplate] = _Place(key, now + self._limits.meeting_life)
        elif not compare_digest(place.inviter, key):
            raise RefusedRequestError(Refusal.NAME_TAKEN)
        place.inviter_said = _longer(place.inviter_said, message.said)
        return place.joiner_said

    def _join(self, message: Meet, key: bytes, _: float) -> list[bytes]:
        place = self._places.get(message.nameplate)
        if place is None:
            raise RefusedRequestError(Refusal.NO_SUCH_NAME)
        if place.joiner is None and message.said:
            # From here on nobody else joins: a code is tried once.
            place.joiner = key
        elif (place.joiner is not None or message.leave) and not compare_digest(place.joiner or b"", key):
            raise RefusedRequestError(Refusal.NO_SUCH_NAME)
        place.joiner_said = _longer(place.joiner_said, message.said)
        return place.inviter_said

    def _expire(self, now: float) -> None:
        while self._places and next(iter(self._places.values())).ends <= now:
            self._places.popitem(last=False)


def _longer(before: list[bytes], said: list[bytes]) -> list[bytes]:
    """What a side has said in all, which may not contradict what it said before."""
    if said[: len(before)] != before[: len(said)]:
        raise RefusedRequestError(Refusal.MALFORMED)
    return max(before, said, key=len)
