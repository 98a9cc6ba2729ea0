"""When the answer of a rule may change by the passing of time alone, as statements: the least such instant is `u`."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from pdp import terms
from pdp.codegen.expressions import Expressions
from pdp.codegen.nodes import Nodes
from pdp.codegen.unsupported import Unsupported
from pdp.lowering import Lowered


class Edges:
    """Makes the statements that take note of edges."""

    def __init__(self, nodes: Nodes, expressions: Expressions) -> None:
        self._nodes, self._terms_of = nodes, expressions

    def of(self, lowered: Lowered, late: Sequence[terms.Term]) -> list[ast.stmt]:
        """Return the statements that take note of the edges of a rule that depends on time.

        It does where all that time does not touch holds, and what it touches is not settled whatever the time.
        """
        nodes = self._nodes
        tests = self._endings(lowered)
        loads: list[ast.stmt] = []
        for each in late:
            for inner in terms.walk(each):
                if isinstance(inner, terms.TimeTest):
                    tests += self._edge_of_time(inner)
                elif isinstance(inner, terms.CalendarTest):
                    span, load = self._terms_of.span(inner)
                    loads += load
                    tests += self._note(nodes.item(span, 3))
        open_: list[ast.expr] = [
            nodes.name(f"d{number}") for number, demand in enumerate(lowered.demands) if demand.tests
        ]
        mixed = [each for each in late if not isinstance(each, terms.TimeTest | terms.CalendarTest)]
        try:
            open_ += [nodes.denied(self._sure(each, False)) for each in mixed]
            if len(mixed) == len(late):
                open_.append(nodes.denied(nodes.every([self._sure(each, True) for each in mixed])))
        except Unsupported:
            open_.append(self._terms_of.leave())
        asked = nodes.every(open_)
        if isinstance(asked, ast.Constant):
            return [*loads, *tests] if asked.value else loads
        return [*loads, nodes.branch(asked, tests)]

    def _endings(self, lowered: Lowered) -> list[ast.stmt]:
        """Return the statements that leave a rule that depends on time to the interpreter where more in it has an end.

        What `or`, `if` or an element of a set keeps a test from looking at has its edges all the same.
        """
        asked = [*lowered.tests, *(each for demand in lowered.demands for each in demand.tests)]
        skipped: list[terms.Term] = [each for each in asked if not isinstance(each, terms.In | terms.Approvals)]
        skipped += [*lowered.timed, *(each for demand in lowered.demands for each in demand.timed)]
        ends = self._terms_of.endings(skipped)
        return (
            []
            if isinstance(ends, ast.Constant)
            else [self._nodes.branch(ends, [self._nodes.run(self._terms_of.leave())])]
        )

    def _edge_of_time(self, term: terms.TimeTest) -> list[ast.stmt]:
        # `now <= bound` still holds at the bound and no longer one microsecond later.
        later = {"<=": (1,), ">": (1,), "<": (0,), ">=": (0,)}.get(str(term.op), (0, 1))
        try:
            return [each for late in later for each in self._note(self._terms_of.bound(term, late))]
        except Unsupported:
            return [self._nodes.run(self._terms_of.leave())]

    def _note(self, edge: ast.expr) -> list[ast.stmt]:
        nodes = self._nodes
        e, n, u = (nodes.name(each) for each in "enu")
        return [nodes.assign("e", edge), nodes.branch(nodes.compare(n, "<", e, "<", u), [nodes.assign("u", e)])]

    def _sure(self, term: terms.Term, answer: bool) -> ast.expr:
        """Return whether a term is true, or false, whatever the time."""
        from_all, from_some = self._nodes.every, self._nodes.some
        match term:
            case terms.TimeTest() | terms.CalendarTest():
                return self._nodes.constant(False)
            case terms.Not():
                return self._sure(term.operand, not answer)
            case terms.And() | terms.Or():
                joined = from_all if isinstance(term, terms.And) is answer else from_some
                return joined([self._sure(each, answer) for each in term.operands])
            case _ if any(isinstance(each, terms.TimeTest | terms.CalendarTest) for each in terms.walk(term)):
                raise Unsupported
            case _:
                found = self._terms_of.truth(term)
                return found if answer else self._nodes.denied(found)
