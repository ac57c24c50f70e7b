from dataclasses import replace

import pytest

from bench.relay.bars import Bar, bars
from bench.relay.loads import CHATTY
from bench.relay.pages import page
from bench.relay.results import Line, Number, Part, Results, Run

RUN = Run(1.0, 1000, 0.1, 0.1, 0.2, 1000, 1000, 0, 0, 10.0, 20.0, 30.0)


def line(server: str, messages: int, payload: int = 256) -> Line:
    return Line(server, "chatty", payload, (replace(RUN, messages=messages),))


def found(part: Part, words: str) -> Bar:
    (bar,) = (bar for bar in bars(Results({"any": part})) if bar.name.endswith(words))
    return bar


@pytest.mark.parametrize(
    ("at_most", "measured", "verdict"),
    [
        (False, (1.4, 2.0), "met"),
        (False, (2.0, 1.39), "MISSED"),
        (True, (1.4, 1.0), "met"),
        (True, (1.0, 1.41), "MISSED"),
        (True, (), "not measured"),
    ],
)
def test_a_bar_is_met_if_every_payload_meets_it(
    at_most: bool, measured: tuple[float, ...], verdict: str
) -> None:
    assert Bar("a bar", 1.4, "x", at_most, measured).verdict == verdict


def test_a_verdict_says_when_others_were_busy() -> None:
    busy = replace(RUN, machine_cpu=1.2)
    part = Part(
        tuple(Line(server, "chatty", 256, (busy,)) for server in ("e2echat", "C forwarder, same acks"))
    )
    assert found(part, "CPU a message over the C forwarder's").verdict == "met, disturbed"


def test_a_bar_takes_both_payloads_of_the_lines_that_it_names() -> None:
    sizes = (256, 2048)
    ours = [line("e2echat", 3000, size) for size in sizes]
    theirs = [line("Mosquitto QoS 1", count, size) for count, size in zip((1000, 1500), sizes, strict=True)]
    bar = found(Part((*ours, *theirs, line("e2echat, TLS", 9))), "rate over Mosquitto QoS 1")
    assert bar.measured == (3.0, 2.0)
    assert bar.verdict == "met"


def test_cpu_is_held_against_the_forwarders() -> None:
    part = Part((line("e2echat", 1000), line("C forwarder, same acks", 2000)))
    bar = found(part, "CPU a message over the C forwarder's")
    assert bar.measured == (2.0,)
    assert bar.verdict == "MISSED"


def test_only_a_whole_million_counts_as_one() -> None:
    part = Part(numbers=(Number("start with 50,000 stored", "s", (0.5,)),))
    assert found(part, "first word").verdict == "not measured"
    part = Part(numbers=(Number("start with 1,000,000 stored", "s", (0.5, 2.0, 0.7)),))
    assert found(part, "first word").measured == (0.7,)


def test_a_page_says_what_was_measured_and_what_was_not() -> None:
    text = page(Results({"chatty": Part((line("e2echat", 45_000),), about="today")}, "a machine"))
    assert CHATTY.name in text
    assert "45 k (2.22) ±0%" in text
    assert "not measured" in text
    assert "| chatty | today |" in text
