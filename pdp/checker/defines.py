"""Defines: each is checked by itself as far as it goes, so that a mistake shows before anything uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pdp import terms
from pdp.checker import clock
from pdp.checker.inference import infer
from pdp.checker.names import Kind, Symbol, World
from pdp.checker.place import Place, Verdicts
from pdp.checker.report import Report
from pdp.checker.resolver import Argument, Resolver
from pdp.checker.world import read_type
from pdp.classes import fields
from pdp.schema import Schema
from pdp.syntax import tree
from pdp.types import WRONG, RecordType


def check_defines(world: World, schema: Schema, report: Report) -> None:
    """Check every define, each after those that it uses."""
    for symbol in _in_order(world.of(Kind.DEFINE), world, report):
        if isinstance(symbol.decl, tree.DefineDecl):
            _check(symbol, symbol.decl, world, schema, report)


def _in_order(symbols: Iterable[Symbol], world: World, report: Report) -> list[Symbol]:
    """Return defines, those that others use first; report those that use themselves, once for each way around."""
    found: list[Symbol] = []
    seen: set[Symbol] = set()
    for start in symbols:
        path: dict[Symbol, Iterator[Symbol]] = {}
        below = iter([start])
        while True:
            symbol = next(below, None)
            if symbol is None:
                if not path:
                    break
                found.append(path.popitem()[0])
                below = next(reversed(path.values()), iter(()))
            elif symbol in path:
                _report_loop([*path][[*path].index(symbol) :], world, report)
            elif symbol not in seen:
                seen.add(symbol)
                below = path[symbol] = _uses(symbol, world)
    return found


def _report_loop(loop: list[Symbol], world: World, report: Report) -> None:
    told = not world.broken.isdisjoint(loop)
    world.broken.update(loop)
    if not told:
        around = " → ".join(each.short for each in (*loop, loop[0]))
        report.error(
            "recursive_define", f"`{loop[0].short}` is defined by itself", loop[0].span, f"the way around is {around}"
        )


def _uses(symbol: Symbol, world: World) -> Iterator[Symbol]:
    """Yield the defines that a define names."""
    decl = symbol.decl
    if not isinstance(decl, tree.DefineDecl):
        return
    table = world.names(symbol.file).tables[Kind.DEFINE]
    parameters = {each.name.text for each in decl.parameters or ()}
    work: list[object] = [decl.body]
    while work:
        match work.pop():
            case tree.Name(text=word) | tree.Call(name=tree.Ident(text=word)) as found:
                if word in table and word not in parameters:
                    yield table[word]
                work.extend(getattr(found, "arguments", ()))
            case tuple() as several:
                work.extend(several)
            case tree.Node() as node:
                work.extend(getattr(node, each.name) for each in fields(node))
            case _:
                pass


def _check(symbol: Symbol, decl: tree.DefineDecl, world: World, schema: Schema, report: Report) -> None:
    names = world.names(symbol.file)
    arguments: dict[str, Argument] = {}
    variables = []
    resolver = Resolver(world, schema, report, names, expanding=(symbol,), origin=symbol.span)
    for index, parameter in enumerate(decl.parameters or (), start=1_000_000):
        word = parameter.name.text
        if word in arguments or word in names.tables[Kind.DEFINE] or names.members(word):
            report.error(
                "shadowed_name",
                f"`{word}` already means something here",
                parameter.name.span,
                "give the parameter another name",
            )
        kind = read_type(parameter.type, names, report)
        term = terms.Variable(name=word, index=index, span=parameter.name.span)
        arguments[word] = Argument(term=term, type=kind, span=parameter.name.span, name=word)
        variables.append((index, kind))
    resolver.arguments = arguments
    body = resolver.resolve(decl.body)
    if resolver.count.told:
        world.broken.add(symbol)
    if not any(isinstance(each, clock.Now | clock.Zone | clock.Calendar | terms.Root) for each in terms.walk(body)):
        # What is about the request itself is checked where a rule uses it, for each combination that it covers.
        nothing = RecordType({})
        place = Place(
            schema=schema,
            report=report,
            verdicts=Verdicts(),
            principal=WRONG,
            resource=WRONG,
            context=nothing,
            session=nothing,
            variables=tuple(variables),
            lenient=True,
        )
        infer(body, place)
