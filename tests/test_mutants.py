"""The list of mutants itself; ``make mutants`` runs them."""

import ast

from tests.mutants.__main__ import explained
from tests.mutants.sites import FILES, mutants


def test_each_mutant_is_a_program_of_its_own() -> None:
    found = mutants()
    sources = {mutant.source() for mutant in found}
    assert len(sources) == len({mutant.name for mutant in found}) == len(found)
    for source in sources:
        ast.parse(source)
    refusing = {path.name for path in FILES if b"raise " in path.read_bytes()}
    assert refusing <= {mutant.path.name for mutant in found}


def test_every_survivor_that_is_explained_exists() -> None:
    assert explained() <= {mutant.name for mutant in mutants()}
