"""A relay whose database was damaged: it does not start and says so, or it serves everybody whom it still can."""

import pytest

from tests.crash.damage import Victim
from tests.crash.relays import running
from tests.crash.scenario import Stage
from tests.crash.witness import Witness


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Victim:
    return Victim(tmp_path_factory.mktemp("victim"))


def test_it_refuses_to_start_or_serves_who_is_left(victim: Victim) -> None:
    outcomes = {victim.damaged(seed)[1] for seed in range(40)}
    assert any("bob served" in outcome for outcome in outcomes)
    assert any("damaged" in outcome or "malformed" in outcome for outcome in outcomes)


@pytest.mark.campaign
@pytest.mark.parametrize("share", range(4))
def test_it_refuses_to_start_or_serves_who_is_left_many_times(victim: Victim, share: int) -> None:
    for seed in range(40 + share, 340, 4):
        victim.damaged(seed)


def test_a_database_that_is_none_is_said_with_what_to_do(victim: Victim) -> None:
    victim.whole_again().write_bytes(b"no database" * 10_000)
    with running(victim.data) as relay:
        assert not relay.line
        code, said = relay.end(None)
    assert code == 1
    fault, advice = said.splitlines()
    assert fault.startswith("e2echat: ")
    assert "keep relay.key" in advice


def test_damage_while_it_runs_is_in_nobodys_way(victim: Victim) -> None:
    database = victim.whole_again()
    with running(victim.data) as relay:
        with database.open("r+b") as file:
            # Where the mail is, but for what is in the first pages.
            file.seek(24 * 4096)
            file.write(bytes(database.stat().st_size - file.tell()))
        outcome = list(victim.use(Stage(relay.address, victim.data, Witness())))
        code, said = relay.end()
    assert outcome == ["bob served", "carol not known", "dora not known", "dora served"]
    assert code == 0
    assert "storage: " in said
