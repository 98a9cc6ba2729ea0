"""Doing something once more whenever a file of a folder changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pdp.cli.commands import Options, Refusal, Status
from pdp.cli.endings import refuse, unloadable
from pdp.cli.terminal import say
from pdp.errors import DiagnosticError

CLEAR: Final = "\x1b[2J\x1b[3J\x1b[H"

_LOOK: Final = 200
"""Milliseconds after which the folder is looked at again, where nothing changes."""


def watch_folder(
    path: str,
    work: Callable[[], Status],
    options: Options,
    changes: Iterator[object] | None = None,
) -> Status:
    """Work, and once more after each change, until the user ends it; return the status of the last time."""
    found = watching(path) if changes is None else changes
    # What changes while it works the first time is seen as well: looking begins before.
    next(found, None)
    status = _attempt(work, options)
    try:
        for change in found:
            if change:
                if options.terminal().color:
                    say(CLEAR)
                status = _attempt(work, options)
    except KeyboardInterrupt:
        pass
    return status


def watching(path: str) -> Iterator[object]:
    """Yield what changes in a folder, and now and then nothing; the first that it yields is nothing."""
    try:
        from watchfiles import watch
    except ImportError:
        help_ = "install it: `pip install 'pdp-engine[watch]'`"
        raise Refusal("not_installed", "`--watch` needs the package watchfiles", help=help_) from None
    if not Path(path).exists():
        raise Refusal("no_such_path", f"there is no such file or folder: `{path}`")
    return watch(path, raise_interrupt=True, rust_timeout=_LOOK, yield_on_timeout=True)


def _attempt(work: Callable[[], Status], options: Options) -> Status:
    """Work; what does not load while it is being written is shown, and ends nothing."""
    try:
        return work()
    except Refusal as refusal:
        return Status(refuse(refusal, options))
    except DiagnosticError as error:
        return Status(refuse(unloadable(error), options))
