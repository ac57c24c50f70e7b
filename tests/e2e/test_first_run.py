"""Two people who have nothing yet: real terminals, a real relay, and only what the program asks them."""

from collections.abc import Callable

from tests.e2e.processes import RelayProcess, Someone, Terminal


def answer(terminal: Terminal, question: str, typed: str) -> None:
    terminal.wait_for(question)
    terminal.type(f"{typed}\r")


def begin(person: Someone, relay: str, name: str, *arguments: str) -> Terminal:
    """Up to the passphrase."""
    terminal = person.terminal("talk", *arguments)
    answer(terminal, "The name that others know you by:", name)
    answer(terminal, "The relay's address", relay)
    for question in ("New passphrase:", "Once more:"):
        answer(terminal, question, "correct horse")
    return terminal


def test_from_nothing_to_a_chat_through_every_stumble(
    relay: RelayProcess, people: Callable[..., Someone]
) -> None:
    alice, bob = people("alice", relay.address), people("bob", relay.address)
    at_alice = alice.terminal("talk")
    answer(at_alice, "The name that others know you by:", "Alice Smith")
    at_alice.wait_for("A name has 1 to 32 characters")
    answer(at_alice, "The name that others know you by: ", "alice")
    answer(at_alice, "The relay's address", "127.0.0.1")
    at_alice.wait_for("This does not begin with relay://")
    # One with the right form, where nobody is.
    at_alice.type(relay.address.rpartition(":")[0] + ":1\r")
    answer(at_alice, "Enter tries again; or another address:", relay.address)
    for question in ("New passphrase:", "Once more:"):
        answer(at_alice, question, "correct horse")
    answer(at_alice, "With whom?", "bob")
    answer(at_alice, "Enter, invite, or another name", "")
    at_alice.wait_for("-- Waiting for bob.")

    at_bob = begin(bob, relay.address, "alice", "--peer", "alice")
    answer(at_bob, "Another name:", "bob")
    at_bob.wait_for("alice | not verified | connected")
    at_alice.wait_for("bob | not verified | connected")
    at_alice.type("hello\r")
    at_bob.wait_for("alice (new, unverified): hello")
    for terminal in (at_alice, at_bob):
        terminal.type("/quit\r")
        assert terminal.end() == 0


def test_a_link_is_all_that_a_friend_needs(relay: RelayProcess, people: Callable[..., Someone]) -> None:
    alice, bob = people("alice", relay.address), people("bob", relay.address)
    at_alice = begin(alice, relay.address, "alice")
    answer(at_alice, "With whom?", "invite")
    at_alice.wait_for("-- Waiting.")
    shown = "".join(at_alice.lines())
    link = "e2echat:" + shown.partition("e2echat:")[2].partition("Or read this")[0].strip()
    at_bob = begin(bob, link, "bob")
    at_bob.wait_for("alice | verified | connected")
    at_alice.wait_for("bob | not verified | connected")
    at_bob.type("it is me\r")
    at_alice.wait_for("bob: it is me")
    for terminal in (at_alice, at_bob):
        terminal.type("/quit\r")
        assert terminal.end() == 0
