"""Ratios first, then medians of interleaved rounds: ``python -m bench [sessions] [PART of the relay's…] [--quick]``."""

import sys

from bench import history, micro, peers, sessions, start
from bench.measure import Figure, Taken, run
from bench.relay import command


def _beside_peers(taken: dict[str, Taken]) -> None:
    print("Speed beside others, 256 B, CPU time; above 1 we are faster")
    for name in (sessions.PAIR, sessions.PING_PONG):
        for peer in peers.PEERS:
            speed = taken[f"{peer}: {name}"].over(taken[name])
            bar = peers.BARS.get((name, peer))
            aim = f"  at least {bar}: {'yes' if speed >= bar else 'NO'}" if bar else ""
            print(f"{speed:>6.2f} x {peer:14} {name}{aim}")
    added = taken[sessions.PING_PONG].over(taken[sessions.WITHOUT]) - 1
    print(f"{added:>+6.1%}   what the post-quantum step adds to a ping-pong on average")


def _beside_bare_python(taken: dict[str, Taken]) -> None:
    print("\nTime until something is there, beside a Python that does nothing")
    for name, most in start.AIMS.items():
        ratio = taken[name].over(taken[start.BARE])
        print(f"{ratio:>6.1f} x {name}  at most {most}: {'yes' if ratio <= most else 'NO'}")


def _sessions() -> None:
    """What we take beside others, and beside our own smaller parts."""
    figures: list[Figure] = [*micro.figures(), *sessions.figures(), *peers.figures(), *start.figures()]
    taken = run(figures)
    _beside_peers(taken)
    _beside_bare_python(taken)
    print(f"\n{'ratio':>8}  {'median':>10}  {'spread':>6}")
    for figure in figures:
        own = taken[figure.name]
        ratios = [f"{own.over(taken[other]):.2f} x {other}" for other in figure.beside]
        first = f"{own.over(taken[figure.beside[0]]):.1f} x" if ratios else ""
        beside = f"  ({'; '.join(ratios)})" if ratios else ""
        print(f"{first:>8}  {own.median * 1e6:>7.1f} µs  {own.spread:>6.0%}  {figure.name}{beside}")
    history.report()


def main() -> None:
    """Everything, or what the command line names."""
    words = sys.argv[1:]
    for_relay = [word for word in words if word != "sessions"]
    relay_named = any(word in command.parts() for word in for_relay)
    if "sessions" in words or not relay_named:
        _sessions()
    if relay_named or "sessions" not in words:
        command.main(for_relay)


main()
