"""Remove each refusal in turn and see a test fail: ``python -m tests.mutants [--every N] [PART OF A NAME ...]``.

Works on copies of the tree, and takes an hour. Ends with an error if a mutant survives that ``survivors.md`` does not
explain.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from tests.mutants.sites import ROOT, Mutant, mutants

EXPLAINED = Path(__file__).with_name("survivors.md")
TREE = ("e2echat", "tests", "fuzz", "docs", "pyproject.toml")
TESTS = {
    "crypto": (
        ("tests/test_vectors.py", "tests/crypto"),
        ("tests/attacks", "tests/client", "tests/store", "tests/test_corpus.py"),
    ),
    "wire": (("tests/test_vectors.py", "tests/wire"), ("tests/crypto", "tests/attacks", "tests/relay")),
    "relay": (("tests/relay",), ("tests/attacks", "tests/client")),
}
"""By package: what most likely fails, and what else is tried before a mutant counts as a survivor."""
PLUGINS = ("-p", "no:randomly", "-p", "no:cacheprovider")
QUICK = "not ten_thousand and not attack_35"
"""Thousands of schedules tell of order and recovery, and nothing of refusals that others do not."""
SECONDS = 600
"""A mutant that makes the tests run for so long is noticed by whoever runs them."""


def explained() -> set[str]:
    """The names of mutants that ``survivors.md`` proves harmless."""
    lines = EXPLAINED.read_text(encoding="utf-8").splitlines()
    return {line.removeprefix("### `").removesuffix("`") for line in lines if line.startswith("### `")}


def copy(target: Path) -> Path:
    """A tree of its own."""
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target / name)
    return target


def _pass(tree: Path, tests: tuple[str, ...]) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", *PLUGINS, "-k", QUICK]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "CI": "true", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, *tests],
            cwd=tree,
            check=False,
            timeout=SECONDS,
            env=environment,
            **quiet,  # type: ignore[call-overload]
        )
    except subprocess.TimeoutExpired:
        return False
    return bool(done.returncode == 0)


def survives(tree: Path, mutant: Mutant) -> bool:
    """Whether every test passes without that refusal."""
    path = tree / mutant.path.relative_to(ROOT)
    kept = path.read_bytes()
    path.write_text(mutant.source(), encoding="utf-8")
    try:
        return all(_pass(tree, tests) for tests in TESTS[mutant.path.parent.name])
    finally:
        path.write_bytes(kept)


def run(chosen: list[Mutant], jobs: int, *, trust: bool) -> list[Mutant]:
    """Those that survive."""
    with tempfile.TemporaryDirectory() as folder:
        trees: Queue[Path] = Queue()
        for number in range(jobs):
            trees.put(copy(Path(folder) / str(number)))
        first = trees.queue[0]
        if not trust and not all(_pass(first, tests) for stages in TESTS.values() for tests in stages):
            sys.exit("the tests fail as they are")

        def one(mutant: Mutant) -> bool:
            tree = trees.get()
            try:
                alive = survives(tree, mutant)
            finally:
                trees.put(tree)
            sys.stdout.write(f"{'SURVIVED' if alive else 'killed  '} {mutant.name}\n")
            sys.stdout.flush()
            return alive

        with ThreadPoolExecutor(jobs) as pool:
            return [mutant for mutant, alive in zip(chosen, pool.map(one, chosen), strict=True) if alive]


def main() -> int:
    parser = argparse.ArgumentParser(description="Remove each refusal in turn and see a test fail.")
    parser.add_argument("parts", nargs="*", help="only mutants whose names contain one of these")
    parser.add_argument("--every", type=int, default=1, help="only each Nth")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--trust", action="store_true", help="do not run the tests once as they are before")
    options = parser.parse_args()
    chosen = [
        mutant
        for mutant in mutants()
        if not options.parts or any(part in mutant.name for part in options.parts)
    ][:: options.every]
    alive = run(chosen, options.jobs, trust=options.trust)
    count = Counter(str(mutant.path.relative_to(ROOT / "e2echat")) for mutant in chosen)
    living = Counter(str(mutant.path.relative_to(ROOT / "e2echat")) for mutant in alive)
    for name, number in count.items():
        sys.stdout.write(f"{name:28} {number:>4} mutants {living[name]:>3} survive\n")
    unknown = [mutant.name for mutant in alive if mutant.name not in explained()]
    for name in unknown:
        sys.stdout.write(f"not explained: {name}\n")
    sys.stdout.write(f"{len(chosen)} mutants, {len(alive)} survive, {len(unknown)} of them not explained\n")
    return min(len(unknown), 1)


if __name__ == "__main__":
    sys.exit(main())
