"""Defines: each is checked by itself as far as it goes, so that a mistake shows before anything uses it."""

from __future__ import annotations

from pdp import terms
from pdp.checker import clock
from pdp.checker.inference import infer
from pdp.checker.names import Kind, Symbol, World
from pdp.checker.place import Place, Verdicts
from pdp.checker.report import Report
from pdp.checker.resolver import Argument, Resolver
from pdp.checker.world import read_type
from pdp.schema import Schema
from pdp.syntax import tree
from pdp.types import WRONG, RecordType


def check_defines(world: World, schema: Schema, report: Report) -> None:
    """Check every define."""
    for symbol in world.of(Kind.DEFINE):
        if isinstance(symbol.decl, tree.DefineDecl):
            _check(symbol, symbol.decl, world, schema, report)


def _check(symbol: Symbol, decl: tree.DefineDecl, world: World, schema: Schema, report: Report) -> None:
    names = world.names(symbol.file)
    arguments: dict[str, Argument] = {}
    variables = []
    resolver = Resolver(world, schema, report, names, expanding=(symbol,))
    for index, parameter in enumerate(decl.parameters or (), start=1_000_000):
        word = parameter.name.text
        if word in arguments or word in names.tables[Kind.DEFINE] or resolver.members(word):
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
