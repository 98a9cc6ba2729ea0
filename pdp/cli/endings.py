"""How commands end: with a status, and with a message where there is no result. It takes nothing but Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, Final

from pdp import patterns
from pdp.cli.terminal import Terminal, Unwritten, plain, say
from pdp.errors import Diagnostic, DiagnosticError


class Status(IntEnum):
    """What a command exits with."""

    OK = 0
    """Done; of `decide` and `trace`: allowed, and every obligation handled."""

    ERRORS = 1
    """`check` found errors; of `test`, something came out otherwise."""

    DENY = 2
    """Denied, or allowed with an obligation that nobody handles."""

    INVALID = 3
    """The command line or the request makes no sense, or a path cannot be used."""

    FAILED = 4
    """The policy does not load, or something went wrong."""

    UNCOVERED = 5
    """`test` covered less than was asked for."""

    SURVIVED = 6
    """`test --mutate` let a mutant live."""

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


def run(work: Callable[[], Any], options: Options) -> int:
    """Do the work of a command; return its status, whatever happens, when all that it says is out."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # The caller closed it: there is still a status to tell.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  # it stays open
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
        return refuse(refusal, options)
    except DiagnosticError as error:
        return refuse(unloadable(error), options)
    except KeyboardInterrupt:
        _complain("interrupted")
        return Status.INTERRUPTED
    except Unwritten:
        raise
    except Exception as error:
        if options.debug:
            import traceback

            traceback.print_exc()
            return Status.FAILED
        help_ = "`--debug` shows where it comes from"
        return refuse(Refusal("internal_error", _reason(error), help=help_, status=Status.FAILED), options)


def unloadable(error: DiagnosticError) -> Refusal:
    """Return the end of a command whose policy or facts do not load."""
    message = "the policy folder does not load"
    return Refusal("not_loaded", message, status=Status.FAILED, diagnostics=error.diagnostics)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return error.strerror.lower() + place
    return "internal error: " + (f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def is_token(text: str) -> bool:
    """Tell whether a text holds what looks like a token, or the beginning of one: JSON in base64url."""
    return _TOKEN.search(text) is not None


def masked(text: str) -> str:
    """Return a text without the tokens that are in it: what is said of a mistake is kept where many read it.

    >>> masked("there is no file `eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl`")
    'there is no file `(a token)`'
    """
    return _TOKEN.sub("(a token)", text)


_TOKEN: Final = patterns.compile(r"eyJ[A-Za-z0-9_=-]{8,}(?:\.[A-Za-z0-9_=-]*)*")


def refuse(refusal: Refusal, options: Options) -> int:
    """Say why there is no result; return the status to end with."""
    if options.json:
        found: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
        if refusal.help is not None:
            found["help"] = refusal.help
        if refusal.diagnostics:
            found["diagnostics"] = [each.to_json() for each in refusal.diagnostics]
        import json

        say(masked(json.dumps({"error": found}, indent=2, allow_nan=False)))
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
        say(masked(text), sys.stderr)
    except (Unwritten, ValueError):
        # Nobody is there to be told; the status says it all the same.
        pass
