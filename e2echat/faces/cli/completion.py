"""``completion``, and what a shell gets that asks e2echat to complete a line: commands, options, their values."""

import click
from click.shell_completion import get_completion_class, shell_complete

from e2echat.faces.cli.options import common
from e2echat.faces.cli.session import Session

PROGRAM = "e2echat"
VARIABLE = "_E2ECHAT_COMPLETE"
"""The script sets it, to ``bash_complete`` and the like, when it asks."""

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print a script that lets the shell complete commands.")
@click.argument("shell", type=click.Choice(SHELLS))
@common()
@click.pass_obj
def completion(session: Session, shell: str) -> None:
    """Print the script with which SHELL completes commands and options.

    For bash, put this into ~/.bashrc: eval "$(e2echat completion bash)"

    For zsh, put this into ~/.zshrc, after compinit: eval "$(e2echat completion zsh)"

    For fish, run this once: e2echat completion fish > ~/.config/fish/completions/e2echat.fish
    """
    text = script(shell)
    if session.out.json:
        session.out.record({"type": "completion", "shell": shell, "script": text})
        return
    for line in text.splitlines():
        session.out.exact(line)


def script(shell: str) -> str:
    """What ``shell`` has to run."""
    kind = get_completion_class(shell)
    if kind is None:
        raise LookupError(shell)
    # Past the class's own `source`, which starts a bash to ask how old it is.
    made = kind(click.Command(PROGRAM), {}, PROGRAM, VARIABLE)
    return made.source_template % made.source_vars()


def complete(app: click.Group, instruction: str, session: Session) -> int:
    """Answer a shell; the line that is being typed is in its environment.

    Nothing of a profile is read for it: names of contacts are encrypted there.

    Returns:
        The exit code.
    """
    return shell_complete(app, {"obj": session}, PROGRAM, VARIABLE, instruction)
