"""`pdp explain`: which rules answer a kind of question, and what they are compiled to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import click

from pdp.cli.commands import Command, Options, Refusal, Status

if TYPE_CHECKING:
    from pdp.cells import Program
    from pdp.cli.terminal import Terminal
    from pdp.codegen.functions import Function
    from pdp.schema import Schema
    from pdp.terms import Policy, Rule

    Shown: TypeAlias = tuple[Function, tuple[Any, ...], list[Rule]]

_HELP = """Show the rules of a kind of question, and their Python.

\b
PATH       the policy folder, or one `.pdp` or `.cedar` file
PRINCIPAL  the type of who asks, as `User` or `Ns::User`; of `User:ada`, the type counts
ACTION     the name of an action
RESOURCE   the type of what is asked for, as `Service`

A rule stands here where some principal and some resource of these types are in its scope. `pdp trace` tells what
becomes of each for one request.

With --python, the functions are printed that rules of one shape share, each line beside the line of the policy that it
stands for. `p` and `r` are principal and resource, `pa` and `ra` their attributes, `p.up` all that the principal is in.
Where only names count, they are texts: `p.n` in its attributes, `p.me` its own, `p.over` of all that it is in.
`c` is the context, `sa` the session, `n` the time and `u` the end of the lease, both in microseconds since 1970. The
bits of `m` tell the rules that matter; what raises is answered by the interpreter.

\b
Exit status:
  0  shown
  3  there is no such question, or the path cannot be used
  4  the policy does not load, or something went wrong"""

_EXAMPLES = """
pdp explain policies User deploy Service
pdp explain policies User deploy Service --python | less
pdp explain policies User deploy Service --json | jq '.rules[].id'
"""

_MOST: Final = 20
"""So many rules are named for a function; the others are counted."""


@click.command(
    cls=Command,
    examples=_EXAMPLES,
    short_help="Show the rules of a kind of question, and their Python.",
    help=_HELP,
)
@click.argument("path", type=click.Path())
@click.argument("principal", metavar="PRINCIPAL")
@click.argument("action", metavar="ACTION")
@click.argument("resource", metavar="RESOURCE")
@click.option("--python", is_flag=True, help="Print the functions, each line beside that of the policy.")
@click.pass_obj
def command(options: Options, path: str, principal: str, action: str, resource: str, python: bool) -> int:
    """Show what answers a kind of question."""
    from pdp.cells import Program
    from pdp.cli.terminal import emit, say
    from pdp.folder import load

    policy, _ = load(path).require()
    program = Program(policy)
    kind = _kind(policy.schema, principal, action, resource)
    rules = _rules(program, kind)
    functions = _functions(program, kind) if python else None
    if options.json:
        emit(_to_json(kind, rules, functions, policy))
        return Status.OK
    terminal = options.terminal()
    lines = _list(kind, rules, terminal) if functions is None else _code(kind, rules, functions, terminal)
    for line in lines:
        say(line)
    return Status.OK


class Kind(NamedTuple):
    """A kind of question."""

    action: str
    principal: str
    resource: str

    def __str__(self) -> str:
        return f"{self.principal} to {self.action} on {self.resource}"


def _kind(schema: Schema, principal: str, action: str, resource: str) -> Kind:
    kinds = [_type(each, schema) for each in (principal, resource)]
    name = schema.resolve_action(_action(action, schema))
    declared = schema.actions.get(name)
    if declared is None:
        raise _unknown("action", action, schema.actions)
    for role, kind, those in (("by", kinds[0], declared.principals), ("on", kinds[1], declared.resources)):
        if kind not in those:
            help_ = f"it is asked {role} {', '.join(f'`{each}`' for each in sorted(those))}"
            raise Refusal("invalid_usage", f"`{name}` is never asked {role} `{kind}`", help=help_)
    return Kind(name, *kinds)


def _type(given: str, schema: Schema) -> str:
    """Return the type that is named, or that of the entity that is."""
    if schema.is_cedar:
        from pdp.cedar.asked import name_of, type_of
        from pdp.conform.mismatch import Mismatch

        try:
            plain = given.replace("::", "")
            return name_of(given, schema).type if ":" in plain or '"' in plain else type_of(given, schema)
        except Mismatch as wrong:
            raise Refusal("invalid_usage", wrong.message, help=wrong.help) from None
    kind = schema.resolve(given.partition(":")[0])
    if kind not in schema.entities:
        raise _unknown("type", kind, schema.entities)
    return kind


def _action(given: str, schema: Schema) -> str:
    if not schema.is_cedar:
        return given
    from pdp.cedar.asked import action_of
    from pdp.conform.mismatch import Mismatch

    try:
        return action_of(given, schema)
    except Mismatch as wrong:
        raise Refusal("invalid_usage", wrong.message, help=wrong.help) from None


def _unknown(what: str, name: str, known: Iterable[str]) -> Refusal:
    from pdp.errors import suggest

    return Refusal("invalid_usage", f"there is no {what} `{name}`", help=suggest(name, known))


def _rules(program: Program, kind: Kind) -> list[Rule]:
    """Return every rule of a kind of question, in the order of their ids."""
    placed = program.placed(*kind)
    assert placed is not None
    found = {rule.id: rule for rule, _ in placed.open}
    found |= {rule.id: rule for rule in map(program.index.rules.__getitem__, placed.looked_up)}
    return [found[name] for name in sorted(found)]


def _functions(program: Program, kind: Kind) -> list[Shown]:
    try:
        cell = program.cell(*kind)
        return [] if cell is None else cell.shown()
    except Exception:
        # As an engine has it: what cannot be compiled is the interpreter's.
        return []


def _list(kind: Kind, rules: list[Rule], terminal: Terminal) -> Iterator[str]:
    from pdp.cli.terminal import plain

    count = f"{len(rules)} rule{'' if len(rules) == 1 else 's'}"
    yield f"{terminal.paint(plain(str(kind)), 'strong')}: {count}"
    for rule in rules:
        yield f"  {terminal.paint(f'{rule.effect:<6}', _tint(rule))}  {plain(rule.id)}  {_place(rule, terminal)}"
    if not rules:
        yield "  nobody is allowed to"


def _tint(rule: Rule) -> str:
    return "allow" if rule.effect == "permit" else "deny"


def _place(rule: Rule, terminal: Terminal) -> str:
    from pdp.cli.terminal import plain

    if rule.span is None:
        return ""
    line, _ = rule.span.source.position(rule.span.start)
    return terminal.paint(f"{plain(rule.span.source.path)}:{line}", "faint")


def _code(kind: Kind, rules: list[Rule], functions: list[Shown], terminal: Terminal) -> Iterator[str]:
    from pdp.cli.terminal import plain
    from pdp.codegen.listing import listed, names_of

    if not functions:
        compiles = all(not rule.clauses and not rule.obligations for rule in rules)
        why = "no rule has a condition" if compiles else "the rules are too long or too deep: the interpreter answers"
        yield f"# {plain(str(kind))}: there is no function, since {why}"
    for at, (function, row, those) in enumerate(functions):
        if at:
            yield ""
        for text in _heading(kind, those):
            yield terminal.paint(f"# {text}", "strong")
        for name, value in names_of(function).items():
            yield f"{name} = {plain(_value(value))}"
        if row:
            yield f"k = {plain(_value(row))}  # for the first of them"
        lines = listed(function)
        width = min(max(len(plain(line.code)) for line in lines), 72)
        before = None
        for line in lines:
            code = plain(line.code)
            if line.place is None or line.place == before:
                yield code
            else:
                beside = f"# {plain(line.place.path)}:{line.place.line}  {plain(line.place.text.strip())}"
                yield f"{code:<{width}}  {terminal.paint(beside, 'faint')}"
            before = line.place if line.place is not None else before


def _heading(kind: Kind, rules: list[Rule]) -> Iterator[str]:
    from pdp.cli.terminal import plain

    names = [plain(rule.id) for rule in rules[:_MOST]]
    more = len(rules) - len(names)
    yield plain(str(kind))
    yield f"rules: {', '.join(names)}{f', and {more} more of this shape' if more else ''}"


def _value(value: object) -> str:
    from pdp.values import show

    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(map(_value, value))) + "}"
    if isinstance(value, tuple) and value.__class__ is tuple:
        return f"({', '.join(map(_value, value))}{',' if len(value) == 1 else ''})"
    return repr(value) if value is None or isinstance(value, str | int) else show(value)  # type: ignore[arg-type]


def _to_json(kind: Kind, rules: list[Rule], functions: list[Shown] | None, policy: Policy) -> dict[str, Any]:
    from pdp.codegen.listing import listed

    found: dict[str, Any] = {
        **kind._asdict(),
        "revision": policy.revision,
        "rules": [{"id": rule.id, "effect": str(rule.effect)} for rule in rules],
    }
    if functions is not None:
        found["functions"] = [
            {
                "rules": [rule.id for rule in those],
                "lines": [
                    {"code": line.code, "at": None if line.place is None else str(line.place)}
                    for line in listed(function)
                ],
            }
            for function, _, those in functions
        ]
    return found
