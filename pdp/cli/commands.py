"""What all commands have in common: how they are found, their options, and how they end."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import click

import pdp
from pdp.cli.endings import Options, Refusal, Status, run, unloadable
from pdp.cli.terminal import COLORS, Terminal
from pdp.errors import suggest

__all__ = ["COMMANDS", "Command", "Commands", "Options", "Refusal", "Status", "Terminal", "commands", "unloadable"]

COMMANDS: Final = {
    "init": "Write a first small policy folder.",
    "check": "Check a policy folder: every error of every file at once.",
    "fmt": "Put policies into the canonical layout; what they mean stays.",
    "test": "Run the tests of a policy folder.",
    "decide": "Ask for a decision; the exit status is the answer.",
    "whoami": "Show whom a token speaks for.",
    "trace": "Show why a decision comes out as it does.",
    "request": "Ask for access that others have to approve.",
    "pending": "Show which requests for access wait for approval.",
    "approve": "Approve a request for access.",
    "reject": "Reject a request for access, which closes it.",
    "withdraw": "Take back a request for access, or its approval.",
    "key": "Make the key that requests and approvals are signed with.",
    "revoke": "Put on record that something counts no longer.",
    "explain": "Show the rules of a kind of question, and their Python.",
    "convert": "Convert policies of Cedar into a policy folder of pdp.",
    "completion": "Print the script that completes `pdp` in a shell.",
}
"""Every command in the order of the help; `pdp.cli.<name>` holds it as `command`."""


EXTRAS: Final = {"serve": ("sidecar", "Answer other processes, over gRPC and HTTP.")}
"""Commands that need an extra of the distribution, with its name; found by their entry points, after the others."""

GROUP: Final = "pdp.commands"


class Command(click.Command):
    """A command with the options that all take, and with examples at the end of its help."""

    def __init__(self, *arguments: Any, examples: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.examples = examples
        self.params += [
            click.Option(["--json"], is_flag=True, expose_value=False, help="Print JSON."),
            click.Option(
                ["--color"],
                type=click.Choice(COLORS),
                default="auto",
                expose_value=False,
                callback=_take_color,
                help="When to use colours; `auto` heeds NO_COLOR.",
            ),
            click.Option(["--debug"], is_flag=True, expose_value=False, help="Tell where an error comes from."),
        ]

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand."""
        _write_examples(self.examples, formatter)


def _take_color(context: click.Context, _: click.Parameter, value: str) -> None:
    if isinstance(context.obj, Options):
        context.obj.color = value


def _write_examples(examples: str, formatter: click.HelpFormatter) -> None:
    with formatter.section("Examples"):
        for line in examples.strip().splitlines():
            formatter.write(" " * formatter.current_indent + line.rstrip() + "\n")


class Commands(click.Group):
    """The commands by name; a module is imported when its command is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return [*COMMANDS, *EXTRAS]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name in EXTRAS:
            return _extra(name)
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"pdp.cli.{name}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items(), *((name, help_) for name, (_, help_) in EXTRAS.items())])

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a first example."""
        _write_examples("pdp init policies\npdp decide policies User:ada deploy Service:shop", formatter)

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        """Show the help where no command is named; that is no success."""
        if not arguments and not context.resilient_parsing:
            click.echo(context.get_help(), err=True)
            context.exit(Status.INVALID)
        return super().parse_args(context, arguments)

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names."""
        name = arguments[0]
        known = self.list_commands(context)
        if name not in known and not name.startswith("-") and not context.resilient_parsing:
            help_ = suggest(name, known) or f"the commands are {', '.join(f'`{each}`' for each in known)}"
            raise Refusal("invalid_usage", f"there is no command `{name}`", help=help_)
        return super().resolve_command(context, arguments)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> NoReturn:
        """Run a command and exit with its status, whatever happens."""
        arguments = list(sys.argv[1:] if args is None else args)
        asked = Options(arguments)
        options |= {"standalone_mode": False, "obj": asked}

        def work() -> Any:
            try:
                return super(Commands, self).main(arguments, *rest, **options)
            except click.UsageError as error:
                raise _usage(error) from None
            except click.Abort:
                raise KeyboardInterrupt from None

        sys.exit(int(run(work, asked)))


def _extra(name: str) -> click.Command:
    """Import a command that is not of this package; raise Refusal where what it needs is not there."""
    from importlib.metadata import entry_points

    try:
        (found,) = entry_points(group=GROUP, name=name)
        command: click.Command = found.load()
    except (ImportError, ValueError):
        raise not_installed(name) from None
    return command


def not_installed(name: str) -> Refusal:
    """Return the end of a command whose extra is missing."""
    help_ = f"install it: `pip install 'pdp-engine[{EXTRAS[name][0]}]'`"
    return Refusal("not_installed", f"`pdp {name}` needs packages that are not there", help=help_)


def _usage(error: click.UsageError) -> Refusal:
    message = error.format_message().removesuffix(".")
    path = error.ctx.command_path if error.ctx is not None else "pdp"
    return Refusal("invalid_usage", message[:1].lower() + message[1:], help=f"see `{path} --help`")


@click.group(
    cls=Commands,
    help="""Decide who may do what, by a folder of policies.

    `pdp COMMAND --help` tells more about a command, with examples.""",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(pdp.__version__, message="pdp %(version)s")
def commands() -> None:
    """Hold the commands together."""
