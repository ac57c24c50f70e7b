from dataclasses import replace
from pathlib import Path

import pytest

from bench.relay.results import Line, Number, Part, Results, Run

ONE = Run(
    seconds=2.0,
    messages=1000,
    server_cpu=1.9,
    generator_cpu=0.5,
    machine_cpu=2.6,
    sent=1000,
    arrived=1000,
    left=0,
    refused=0,
    p50_us=10.0,
    p99_us=20.0,
    worst_us=30.0,
)


def line(*messages: int) -> Line:
    return Line("a", "chatty", 256, tuple(replace(ONE, messages=count) for count in messages))


def test_a_line_is_read_by_its_medians() -> None:
    taken = line(1000, 4000, 2000)
    assert taken.rate == 1000
    assert taken.cpu_us == pytest.approx(950)
    assert taken.spread == 1.5


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    assert line(100, 300, 800).rate_over(line(100, 100, 100)) == 3
    assert line(100, 100, 100).cpu_over(line(100, 300, 800)) == pytest.approx(3)


@pytest.mark.parametrize(
    ("server", "generator", "side"),
    [(1.9, 0.5, "server"), (0.5, 1.9, "generator"), (2.2, 1.8, "both"), (1.0, 1.0, "neither")],
)
def test_says_which_side_was_saturated(server: float, generator: float, side: str) -> None:
    run = replace(ONE, server_cpu=server, generator_cpu=generator)
    assert Line("a", "chatty", 256, (run,)).saturated == side


def test_says_how_busy_others_were() -> None:
    assert ONE.others == pytest.approx(0.1)
    assert replace(ONE, machine_cpu=2.0).others == 0


def test_results_are_kept(tmp_path: Path) -> None:
    part = Part((line(100, 200), line(300)), (Number("start", "s", (0.5, 0.7)),), "today")
    found = Results({"chatty": part, "idle": Part()}, "a machine")
    found.save(tmp_path / "kept" / "relay.json")
    assert Results.load(tmp_path / "kept" / "relay.json") == found


def test_a_part_that_is_measured_again_takes_the_old_ones_place_as_a_whole() -> None:
    old = Results({"idle": Part((line(100),), (Number("memory", "B", (1.0,)),)), "chatty": Part((line(7),))})
    new = old.updated("idle", Part(numbers=(Number("start", "s", (0.5,)),)))
    assert new.lines == (line(7),)
    assert [number.name for number in new.numbers] == ["start"]
