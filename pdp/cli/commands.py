"""What all commands have in common: how they are found, their options, and how they end."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, NoReturn

import click

import pdp
from pdp.cli.terminal import COLORS, Terminal, Unwritten, emit, plain, say
from pdp.errors import Diagnostic, DiagnosticError, suggest

COMMANDS: Final = {
    "init": "Write a first small policy folder.",
    "check": "Check a policy folder: every error of every file at once.",
    "decide": "Ask for a decision; the exit status is the answer.",
    "trace": "Show why a decision comes out as it does.",
    "completion": "Print the script that completes `pdp` in a shell.",
}
"""Every command in the order of the help; `pdp.cli.<name>` holds it as `command`."""


class Status(IntEnum):
    """What a command exits with."""

    OK = 0
    """Done; of `decide` and `trace`: allowed, and every obligation handled."""

    ERRORS = 1
    """`check` found errors."""

    DENY = 2
    """Denied, or allowed with an obligation that nobody handles."""

    INVALID = 3
    """The command line or the request makes no sense, or a path cannot be used."""

    FAILED = 4
    """The policy does not load, or something went wrong."""

    INTERRUPTED = 130


class Refusal(Exception):
    """An end of a command with a message instead of a result."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        help: str | None = None,
        status: Status = Status.INVALID,
        diagnostics: Sequence[Diagnostic] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.status = status
        self.diagnostics = tuple(diagnostics)


class Options:
    """The options that every command takes."""

    def __init__(self, arguments: Sequence[str]) -> None:
        # These are looked for before anything is parsed: what cannot be parsed is answered as they ask for.
        flags = set(arguments[: arguments.index("--")] if "--" in arguments else arguments)
        self.json = "--json" in flags
        self.debug = "--debug" in flags
        self.color = "auto"

    def terminal(self) -> Terminal:
        """Return how to write to standard output."""
        return Terminal.of(sys.stdout, self.color)


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
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"pdp.cli.{name}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

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
        if name not in COMMANDS and not name.startswith("-") and not context.resilient_parsing:
            help_ = suggest(name, COMMANDS) or f"the commands are {', '.join(f'`{each}`' for each in COMMANDS)}"
            raise Refusal("invalid_usage", f"there is no command `{name}`", help=help_)
        return super().resolve_command(context, arguments)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> NoReturn:
        """Run a command and exit with its status, whatever happens."""
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:
                # The caller closed it: there is still a status to tell.
                setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # it stays open
        arguments = list(sys.argv[1:] if args is None else args)
        asked = Options(arguments)
        options |= {"standalone_mode": False, "obj": asked}
        sys.exit(int(_run(lambda: super(Commands, self).main(arguments, *rest, **options), asked)))


def _run(work: Callable[[], Any], options: Options) -> int:
    try:
        status = _attempt(work, options)
        # What cannot be written has not been said: no answer counts before it is out.
        sys.stdout.flush()
        return status
    except (OSError, Unwritten) as error:
        # Python must not try again at its end.
        sys.stdout = None
        cause = error.__cause__ if isinstance(error, Unwritten) else error
        if isinstance(cause, OSError) and not isinstance(cause, BrokenPipeError):
            _complain(f"error: the output cannot be written: {_reason(cause)}")
        # Whoever read the output may have gone, as `head` does: there is nobody to complain to.
        return Status.FAILED


def _attempt(work: Callable[[], Any], options: Options) -> int:
    try:
        status = work()
        if not isinstance(status, int) or isinstance(status, bool):
            # INVARIANT: a command says how it ended. Silence is no success.
            raise TypeError("the command returned no status")
        return int(status)
    except Refusal as refusal:
        return _refuse(refusal, options)
    except click.UsageError as error:
        return _refuse(_usage(error), options)
    except DiagnosticError as error:
        return _refuse(unloadable(error), options)
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted")
        return Status.INTERRUPTED
    except Unwritten:
        raise
    except Exception as error:
        if options.debug:
            traceback.print_exc()
            return Status.FAILED
        help_ = "`--debug` shows where it comes from"
        return _refuse(Refusal("internal_error", _reason(error), help=help_, status=Status.FAILED), options)


def unloadable(error: DiagnosticError) -> Refusal:
    """Return the end of a command whose policy or facts do not load."""
    message = "the policy folder does not load"
    return Refusal("not_loaded", message, status=Status.FAILED, diagnostics=error.diagnostics)


def _usage(error: click.UsageError) -> Refusal:
    message = error.format_message().removesuffix(".")
    path = error.ctx.command_path if error.ctx is not None else "pdp"
    return Refusal("invalid_usage", message[:1].lower() + message[1:], help=f"see `{path} --help`")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return error.strerror.lower() + place
    return "internal error: " + (f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def _refuse(refusal: Refusal, options: Options) -> int:
    if options.json:
        found: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
        if refusal.help is not None:
            found["help"] = refusal.help
        if refusal.diagnostics:
            found["diagnostics"] = [each.to_json() for each in refusal.diagnostics]
        emit({"error": found})
        return refusal.status
    terminal = Terminal.of(sys.stderr, options.color)
    if refusal.diagnostics:
        from pdp.syntax.messages import render, render_all

        if refusal.status is Status.FAILED:
            _complain(render_all(refusal.diagnostics, color=terminal.color))
        else:
            _complain("\n\n".join(render(each, color=terminal.color) for each in refusal.diagnostics))
        return refusal.status
    _complain(f"{terminal.paint('error', 'error')}: {plain(refusal.message)}")
    if refusal.help is not None:
        _complain(f"{terminal.paint('help', 'help')}: {plain(refusal.help)}")
    return refusal.status


def _complain(text: str) -> None:
    try:
        say(text, sys.stderr)
    except (Unwritten, ValueError):
        # Nobody is there to be told; the status says it all the same.
        pass


@click.group(
    cls=Commands,
    help="""Decide who may do what, by a folder of policies.

    `pdp COMMAND --help` tells more about a command, with examples.""",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(pdp.__version__, message="pdp %(version)s")
def commands() -> None:
    """Hold the commands together."""
