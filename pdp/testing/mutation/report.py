"""A survey of mutants in lines for a terminal, and as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from pdp.cli.terminal import Terminal, plain
from pdp.errors import Diagnostic
from pdp.syntax.messages import render
from pdp.testing.mutation.mutants import Mutant
from pdp.testing.mutation.operators import Operator
from pdp.testing.mutation.survey import Survey, Survivor

SHOWN: Final = 20
"""So many of those that live are shown one by one."""


def text_lines(survey: Survey, terminal: Terminal, *, everything: bool = False) -> Iterator[str]:
    """Yield how many mutants of each file are noticed, then each that is not, with the test to add.

    Unless everything is wanted, a long list is cut.
    """
    alive = {id(survivor.mutant) for survivor in survey.survivors}
    for file, found in groupby(survey.mutants, file_of):
        yield _file(file, list(found), alive, terminal)
    shown = survey.survivors if everything else survey.survivors[:SHOWN]
    for survivor in shown:
        yield ""
        yield from _survivor(survivor, terminal)
    if len(shown) < len(survey.survivors):
        yield ""
        yield f"… and {len(survey.survivors) - len(shown)} more that no test notices; `--verbose` shows them"
    yield ""
    yield _summary(survey, terminal)


def file_of(mutant: Mutant) -> str:
    """Return the file that a mutant is in."""
    return "" if mutant.span is None else mutant.span.source.path


def _file(file: str, found: Sequence[Mutant], alive: set[int], terminal: Terminal) -> str:
    noticed = sum(id(mutant) not in alive for mutant in found)
    name = terminal.paint(plain(file), "strong")
    return f"{terminal.mark(noticed == len(found))} {name}  {noticed} of {_count(len(found))} noticed"


def _survivor(survivor: Survivor, terminal: Terminal) -> Iterator[str]:
    mutant = survivor.mutant
    message = f"{mutant.rule}: no test notices where {mutant.text}"
    yield from render(
        Diagnostic(code="mutant_survived", message=message, span=mutant.span), color=terminal.color
    ).splitlines()
    yield ""
    if survivor.added is not None:
        yield f"  add to {terminal.paint(plain(survivor.added.file), 'strong')}:"
        yield ""
        yield from (f"    {plain(line)}" if line else "" for line in survivor.added.text.splitlines())
    elif survivor.request is not None:
        yield "  this request tells them apart:"
        yield ""
        yield from (f"    {name}: {plain(_written(value))}" for name, value in survivor.request.items())
    else:
        yield "  no request was found that tells them apart, from those of the tests on: add one that this rule"
        yield "  decides, and look again; where there is none, another rule makes this one needless"


def _written(value: Any) -> str:
    match value:
        case None:
            return "none"
        case dict():
            return "{ " + ", ".join(f"{name}: {_written(each)}" for name, each in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_written, value)) + "]"
        case _:
            return str(value)


def _summary(survey: Survey, terminal: Terminal) -> str:
    good = not survey.survivors
    word = terminal.paint("ok" if good else "not ok", "allow" if good else "deny")
    lives = f", {len(survey.survivors)} not" if survey.survivors else ""
    return f"{word}: {_count(len(survey.mutants))}, {survey.killed} noticed{lives}"


def _count(number: int) -> str:
    return f"{number} mutant{'' if number == 1 else 's'}"


def to_json(survey: Survey) -> dict[str, Any]:
    """Return a survey as plain data."""
    alive = {id(survivor.mutant) for survivor in survey.survivors}
    made = Counter(mutant.operator for mutant in survey.mutants)
    noticed = Counter(mutant.operator for mutant in survey.mutants if id(mutant) not in alive)
    return {
        "ok": not survey.survivors,
        "summary": {"mutants": len(survey.mutants), "noticed": survey.killed, "survived": len(survey.survivors)},
        "operators": {
            str(operator): {"mutants": made[operator], "noticed": noticed[operator]}
            for operator in Operator
            if operator in made
        },
        "survivors": [_json(survivor) for survivor in survey.survivors],
    }


def _json(survivor: Survivor) -> dict[str, Any]:
    mutant, added = survivor.mutant, survivor.added
    return {
        "operator": str(mutant.operator),
        "rule": mutant.rule,
        "what": mutant.text,
        "place": None if mutant.span is None else str(mutant.span),
        "file": None if added is None else added.file,
        "test": None if added is None else added.text,
        "request": survivor.request,
    }
