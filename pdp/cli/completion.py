"""`pdp completion`: the script that a shell needs."""

from __future__ import annotations

import click

from pdp.cli.commands import Command, Options, Refusal, Status, commands

_HELP = """Print the script that completes `pdp` in a shell.

Put its output where your shell reads it at its start. The script asks `pdp` itself what fits, by the environment
variable _PDP_COMPLETE."""

_EXAMPLES = """
pdp completion bash > ~/.local/share/bash-completion/completions/pdp
pdp completion zsh > ~/.zfunc/_pdp
pdp completion fish > ~/.config/fish/completions/pdp.fish
"""


@click.command(
    cls=Command,
    examples=_EXAMPLES,
    short_help="Print the script that completes `pdp` in a shell.",
    help=_HELP,
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def command(options: Options, shell: str) -> int:
    """Print the script."""
    from click.shell_completion import get_completion_class

    from pdp.cli.terminal import emit, say

    found = get_completion_class(shell)
    if found is None:
        raise Refusal("no_completion", f"there is no completion for {shell}", status=Status.FAILED)
    script = found(commands, {}, "pdp", "_PDP_COMPLETE").source()
    if options.json:
        emit({"shell": shell, "script": script})
    else:
        say(script.rstrip("\n"))
    return Status.OK
