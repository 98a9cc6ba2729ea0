"""What `pdp decide` does, however its arguments were read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdp.cli.answer import details, headline, status_of
from pdp.cli.endings import Options
from pdp.cli.question import ask
from pdp.cli.terminal import emit, note, say


def decide(options: Options, path: str, given: Mapping[str, Any]) -> int:
    """Ask for a decision, say it, and return the status that is its answer."""
    asked = ask(path, given)
    decision = asked.engine.answer(asked.request)
    if options.json:
        emit({"allowed": bool(decision), **decision.to_json(), "notes": list(asked.notes)})
    else:
        terminal = options.terminal()
        say(headline(decision, terminal))
        for line in details(decision, asked.policy, terminal):
            say(line)
        note(asked.notes, options.color)
    return status_of(decision)
