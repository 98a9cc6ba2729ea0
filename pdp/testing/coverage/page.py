"""Coverage as one page of HTML, which needs nothing else and runs no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Final

from pdp.cli.terminal import plain
from pdp.testing.coverage.points import Kind, Mark
from pdp.testing.coverage.report import FileReport, Marks, Report, remarks
from pdp.testing.coverage.text import count

_STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2024; --faint: #667079; --rule: #dfe3e6; --code: #f7f8f9;
  --yes: #15703a; --yes-back: #e3f5e9; --part: #8a5200; --part-back: #fdefd3; --no: #b3261e; --no-back: #fde4e1; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e4e7ea; --faint: #98a2ab; --rule: #2c3238;
  --code: #1b1f23; --yes: #6fd898; --yes-back: #15301f; --part: #f0b95c; --part-back: #3a2b10; --no: #ff9a90;
  --no-back: #43201d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
p { margin: .25rem 0 1.5rem; color: var(--faint); }
a { color: inherit; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; color: var(--faint); font-size: .85rem; }
th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--rule); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { width: 30%; min-width: 6rem; }
.bar div { height: .6rem; border-radius: .3rem; background: var(--no-back); overflow: hidden; }
.bar div div { border-radius: 0; background: var(--yes); }
details { margin-top: 1.5rem; border: 1px solid var(--rule); border-radius: .5rem; overflow: hidden; }
summary { padding: .6rem .9rem; cursor: pointer; background: var(--code); font-weight: 600; overflow-wrap: anywhere; }
summary span { font-weight: 400; color: var(--faint); }
.source { overflow-x: auto; padding: .5rem 0;
  font: 13px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.source > div { display: flex; width: max-content; min-width: 100%; white-space: pre; padding-right: 1rem; }
.source > div:target { outline: 2px solid var(--part); outline-offset: -2px; }
.at { flex: none; width: 4.5rem; padding-right: 1rem; text-align: right; color: var(--faint); user-select: none; }
.sign { flex: none; width: 1.5rem; text-align: center; user-select: none; }
.yes { color: var(--yes); } .part { color: var(--part); } .no { color: var(--no); }
code { font: inherit; }
code .yes { background: var(--yes-back); } code .part { background: var(--part-back); }
code .no { background: var(--no-back); }
code span { color: inherit !important; border-radius: 2px; }
.why { margin-left: 6rem; font: 13px/1.5 system-ui, sans-serif; }
.why q { quotes: none; font-weight: 600; }
.why q::after { content: ":"; }
"""

_WIDTH: Final = 60
"""So much of a part is named beside what is said of it."""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: Report, *, title: str = "Coverage") -> str:
    """Write a report as a page: every file with its sum, and its source with what was seen and what was not."""
    return "".join(f"{line}\n" for line in _page(report, title))


def _page(report: Report, title: str) -> Iterator[str]:
    name = _text(title)
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{name}: {report.percent} %</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    yield f"<h1>{name}: {report.percent} %</h1>"
    counted = ", ".join(text for kind in Kind if (text := count(kind, report.of_kind(kind).marks)))
    of = f"{report.covered} of {report.wanted} outcomes are seen" if report.wanted else "There is nothing to cover"
    yield f"<p>{of}.{f' Complete: {_text(counted)}.' if counted else ''}</p>"
    yield from _table(report)
    for nth, file in enumerate(report.files):
        yield from _file(file, nth)
    yield "</body>\n</html>"


def _table(report: Report) -> Iterator[str]:
    yield "<table>\n<thead><tr><th>File</th><th></th><th class='number'>Seen</th><th class='number'>Outcomes</th></tr>"
    yield "</thead>\n<tbody>"
    for nth, file in enumerate(report.files):
        # A part of a percent is enough to show that something is missing.
        bar = f'<div><div style="width:{file.percent}%"></div></div>'
        yield (
            f'<tr><td><a href="#f{nth}">{_text(file.path)}</a></td><td class="bar">{bar}</td>'
            f'<td class="number {_class(file)}">{file.percent} %</td>'
            f'<td class="number">{file.covered} of {file.wanted}</td></tr>'
        )
    yield "</tbody>\n</table>"


def _file(file: FileReport, nth: int) -> Iterator[str]:
    shown = " open" if file.missing else ""
    yield f'<details id="f{nth}"{shown}><summary>{_text(file.path)} <span>{file.percent} %</span></summary>'
    yield '<div class="source">'
    points, owners = file.by_line(), _owners(file)
    start = 0
    for number, line in enumerate(file.source.text.split("\n"), 1):
        marks = points.get(number, ())
        code = _code(line.rstrip("\r"), owners[start : start + len(line.rstrip("\r"))], file.marks)
        yield (
            f'<div id="f{nth}-{number}"><span class="at">{number}</span>'
            f'<span class="sign {_sign_class(marks)}">{_sign(marks)}</span><code>{code}</code></div>'
        )
        for span, remark, complete in remarks(marks):
            of = f"<q>{_text(_short(span.text))}</q> {_text(remark)}"
            yield f'<div><em class="why {"part" if complete else "no"}">{of}</em></div>'
        start += len(line) + 1
    yield "</div></details>"


def _owners(file: FileReport) -> list[int]:
    """Return for each character the number of the innermost point that it is in, or -1."""
    found = [-1] * len(file.source.text)
    spans = [(mark.point.span, nth) for nth, mark in enumerate(file.marks)]
    for span, nth in sorted(spans, key=lambda each: each[0].start - each[0].end):
        found[span.start : span.end] = [nth] * (min(span.end, len(found)) - span.start)
    return found


def _code(line: str, owners: Sequence[int], marks: Sequence[Mark]) -> str:
    """Return a line with its points: what is missing in each is told by its title."""
    indent = len(line) - len(line.lstrip())
    pieces = [_text(line[:indent])]
    for owner, chars in groupby(range(indent, len(line)), key=lambda at: owners[at]):
        places = list(chars)
        text = _text(line[places[0] : places[-1] + 1])
        if owner < 0:
            pieces.append(text)
        else:
            mark = marks[owner]
            title = _text(f"{mark.point.kind}: {mark.remark or 'complete'}")
            pieces.append(f'<span class="{_state(mark)}" title="{title}">{text}</span>')
    return "".join(pieces)


def _state(mark: Mark) -> str:
    return "yes" if mark.complete else "part" if mark.covered else "no"


def _class(marks: Marks) -> str:
    return "no" if marks.missing else "yes"


def _sign_class(marks: Sequence[Mark]) -> str:
    return _class(Marks(marks=tuple(marks))) if marks else ""


def _sign(marks: Sequence[Mark]) -> str:
    return ("✓" if all(mark.complete for mark in marks) else "✗") if marks else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"


def _text(text: str) -> str:
    """Return a text as HTML. What does not print, or turns the order around, is shown as an escape."""
    return escape(plain(text.replace("\t", "    ")))
