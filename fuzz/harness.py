"""One target under atheris: ``python -m fuzz.harness NAME [libFuzzer's arguments]``."""

import sys

import atheris

with atheris.instrument_imports(include=["e2echat"]):
    from fuzz.targets import try_one


def main() -> None:
    name = sys.argv.pop(1)
    # What libFuzzer starts again, through a shell, when it merges.
    sys.argv[0] = f"{sys.executable} -m fuzz.harness {name}"
    atheris.Setup(sys.argv, lambda data: try_one(name, data))
    atheris.Fuzz()


main()
