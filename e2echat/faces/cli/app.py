"""The command ``e2echat``: finds a command's module when it is called for, and turns errors into exit codes."""

import importlib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

import click

from e2echat import __version__
from e2echat.errors import E2EChatError
from e2echat.faces.cli.options import common
from e2echat.faces.cli.session import Session
from e2echat.faces.exits import Exit, advice_for, exit_for, sentence_for
from e2echat.faces.output import Output

COMMANDS = {
    "init": ("account", "Make an account and claim its name at a relay."),
    "talk": ("talk", "Talk with somebody, line by line."),
    "send": ("send", "Send one message."),
    "receive": ("receive", "Print what nobody has shown yet."),
    "history": ("people", "Print what was said with somebody."),
    "search": ("messages", "Search in all that was said."),
    "edit": ("messages", "Have a text of one's own say something else."),
    "delete": ("messages", "Delete a message of one's own, here and over there."),
    "react": ("messages", "React to a message."),
    "disappear": ("messages", "Let messages with somebody disappear after a time."),
    "keep": ("preferences", "Say how long messages with somebody are kept."),
    "invite": ("pairing", "Invite somebody, with a link or a short code."),
    "add": ("pairing", "Add whoever gave you a link or a short code."),
    "contacts": ("people", "List the people this profile knows."),
    "fingerprint": ("keys", "Show one's own fingerprint, or the number to compare with somebody."),
    "verify": ("keys", "Compare the number with what the other person sees."),
    "accept": ("keys", "Accept a stranger, a contact's new key, or whom one has blocked."),
    "block": ("keys", "Have no more to do with somebody."),
    "status": ("account", "Show the account, the relay, and what is queued."),
    "doctor": ("doctor", "Find what is wrong, and say what mends it."),
    "settings": ("preferences", "Show or change what holds for all conversations."),
    "lock": ("custody", "Have every process forget what opens the profile."),
    "export": ("export", "Write conversations out, readable to everybody."),
    "passphrase": ("safekeeping", "Change the profile's passphrase."),
    "backup": ("safekeeping", "Keep the account in one sealed file."),
    "restore": ("safekeeping", "Make the profile anew from a backup."),
    "delete-account": ("custody", "Delete the account, here and at its relay, for good."),
    "move": ("account", "Say where a relay has moved to."),
    "proxy": ("account", "Choose the proxy through which relays are reached."),
    "daemon": ("daemon", "Keep the profile open, for bots and quick commands."),
    "completion": ("completion", "Print a script that lets the shell complete commands."),
    "relay": ("relay", "Run a relay."),
    "audit": ("audit", "Check what a relay saw, by its record."),
}
"""Name: (module in this package, what ``--help`` says of it). No module is imported for the list."""

HEADINGS = {
    "init": "Start here",
    "send": "Say and hear",
    "edit": "Change what was said, and how long it stays",
    "invite": "People and their keys",
    "status": "Your account and this program",
    "relay": "Run a relay",
}
"""The first command of each group that ``--help`` shows, in the order of the table."""

EXAMPLES = """\b
Examples:
  e2echat talk                       the first time, it asks for what it needs
  e2echat talk --peer bob            /help there says what else there is
  e2echat invite                     a code to say by phone: both are verified then
  df -h | e2echat send --peer bob -  from a script: the exit code says how it went

\b
Somebody has to run a relay, once: e2echat relay
More about a command: e2echat COMMAND --help, or man e2echat-COMMAND
"""


class LazyGroup(click.Group):
    """A group that imports the one command it is to run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"e2echat.faces.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name.replace("-", "_"))
        if not isinstance(command, click.Command):
            raise TypeError(cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; of none, the names that are like it."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            like = get_close_matches(args[0], COMMANDS, n=3)
            hint = f" Did you mean {' or '.join(like)}?" if like else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """The list in ``--help``, from the table alone."""
        width = max(map(len, COMMANDS))
        for heading, names in grouped():
            with formatter.section(heading):
                formatter.write_dl([(f"{name:<{width}}", COMMANDS[name][1]) for name in names])


def grouped() -> Iterator[tuple[str, list[str]]]:
    """The commands under their headings."""
    starts = [index for index, name in enumerate(COMMANDS) if name in HEADINGS]
    names = list(COMMANDS)
    for start, end in zip(starts, [*starts[1:], len(names)], strict=True):
        yield HEADINGS[names[start]], names[start:end]


def _print_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
    if value and not context.resilient_parsing:
        context.ensure_object(Session).out.line(f"e2echat {__version__}")
        context.exit()


@click.group(
    cls=LazyGroup,
    epilog=EXAMPLES,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@common(envvar="E2ECHAT_HOME")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
def app() -> None:
    """End-to-end encrypted chat through a relay that nobody has to trust."""


def run(arguments: Sequence[str], session: Session) -> int:
    """Run one command line to its end.

    Returns:
        The exit code. Whatever a user can cause has been said on stderr; a bug in e2echat itself still raises.
    """
    try:
        with app.make_context("e2echat", list(arguments) or ["--help"], obj=session) as context:
            code = app.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except (
        click.ClickException,
        click.Abort,
        E2EChatError,
        EOFError,
        KeyboardInterrupt,
        OSError,
    ) as error:
        return _said(error, session.out)
    return Exit.DONE if code is None else int(code)


def _said(error: BaseException, out: Output) -> Exit:
    """Tell the person, and say what the process ends with."""
    match error:
        case E2EChatError():
            out.error(sentence_for(error), advice_for(error))
            return exit_for(error)
        case click.ClickException():
            out.error(error.format_message())
            context = error.ctx if isinstance(error, click.UsageError) else None
            out.note(f"Try '{context.command_path if context else 'e2echat'} --help'.")
            return Exit.USAGE
        case BrokenPipeError():
            out.abandon()
            return Exit.NOBODY_READS
        case OSError():
            out.abandon()
            out.error(f"The system refuses: {error.strerror or type(error).__name__}.")
            return Exit.FAILED
        case _:
            # Ctrl+C, or Ctrl+D instead of an answer: whatever comes next begins on a line of its own.
            out.note("")
            return Exit.INTERRUPTED
