"""Small things that happen often: what one message costs in bytes and keys."""

from collections.abc import Callable

from bench.measure import Figure
from e2echat.crypto.primitives import K, SystemRandomness, X, box, open_box, x25519_public
from e2echat.wire import frames, relay_messages
from e2echat.wire.relay_messages import Open

BOX = "box: seal and open 256 B"
TEXT = b"m" * 256
ENVELOPE = b"e" * 2048


def _often(count: int, step: Callable[[], object]) -> Callable[[], None]:
    def work() -> None:
        for _ in range(count):
            step()

    return work


def figures() -> list[Figure]:
    randomness = SystemRandomness()
    key, secret = randomness.octets(32), randomness.octets(32)
    public = x25519_public(secret)
    control = relay_messages.encode(Open(1, bytes(16), bytes(32), repeat=False))
    body = control[frames.SIZE_AND_TAG.size :]
    stream = frames.submission(frames.FIRST_CHANNEL, bytes(16), ENVELOPE) * 64

    def box_pair() -> bytes:
        return open_box(key, box(key, TEXT, randomness))

    def decode_stream() -> None:
        for _ in frames.FrameDecoder().feed(stream):
            pass

    return [
        Figure(BOX, _often(1000, box_pair), 1000),
        Figure(
            "ratchet: one chain key forward",
            _often(1000, lambda: K(key, "chain", n=64)),
            1000,
            (BOX,),
        ),
        Figure("X25519", _often(300, lambda: X(key, public)), 300, (BOX,)),
        Figure("frame of 2 KiB, out of a stream of 64", _often(20, decode_stream), 64 * 20),
        Figure("control message, decoded", _often(300, lambda: relay_messages.decode(body)), 300),
    ]
