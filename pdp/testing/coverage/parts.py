"""The operands of a condition: what each is worth for one question, and whether that makes a difference there.

An outcome counts where it matters. In `a and b`, that `b` is false shows something only where `a` is not false as well:
else a policy that lost `b` would answer the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pdp import terms
from pdp.classes import dataclass
from pdp.evaluation import Scene, calendar_holds, evaluate
from pdp.operators import Found, Truth, conjunction, disjunction, invert
from pdp.testing.coverage.points import FAILED_HIDDEN, FAILS, HELD_HIDDEN, HOLDS, UNKNOWN
from pdp.values import UNKNOWN as NOT_KNOWN

AND: Final = (terms.And, terms.AndThen)
OR: Final = (terms.Or, terms.OrElse)
IN_ORDER: Final = (terms.AndThen, terms.OrElse)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A condition or an operand of one, and the point that it is. `inner` is the term inside of any `not`."""

    at: int
    term: terms.Term
    inner: terms.Term
    flipped: bool
    parts: tuple[Part, ...] = ()

    def indices(self) -> Iterator[int]:
        """Yield the points of all operands below, not its own."""
        for part in self.parts:
            yield part.at
            yield from part.indices()


class Measured(NamedTuple):
    """What a part is worth; `below` are its operands, as far as they were looked at."""

    part: Part
    truth: Truth
    below: Sequence[Measured] = ()


def strip(term: terms.Term) -> tuple[terms.Term, bool]:
    """Return what is inside of any `not`, and whether there is an odd number of them."""
    flipped = False
    while isinstance(term, terms.Not):
        term, flipped = term.operand, not flipped
    return term, flipped


def operands(term: terms.Term) -> Sequence[terms.Term]:
    """Return the operands that are conditions themselves, and so points of their own."""
    return terms.children(term) if isinstance(term, (*AND, *OR, terms.If)) else ()


def measure(part: Part, scene: Scene) -> Measured:
    """Evaluate a part and all that is below it, each operand once."""
    if not part.parts:
        found = _value(part.term, scene)
        # What is no truth value is unknown.
        return Measured(part, found if isinstance(found, bool) else NOT_KNOWN)
    if isinstance(part.inner, IN_ORDER):
        below = list(_ordered(part, scene))
    else:
        below = [measure(each, scene) for each in part.parts]
    truth = _joined(part.inner, [each.truth for each in below])
    return Measured(part, invert(truth) if part.flipped else truth, below)


def _value(term: terms.Term, scene: Scene) -> Found:
    if isinstance(term, terms.CalendarTest):
        # For how long it holds is of no interest here.
        return calendar_holds(term, scene.question.now)
    return evaluate(term, scene)


def _ordered(part: Part, scene: Scene) -> Iterator[Measured]:
    """Look at operands up to the first that settles it: those behind it are never reached."""
    neutral = isinstance(part.inner, terms.AndThen)
    for each in part.parts:
        found = measure(each, scene)
        yield found
        if found.truth is not neutral:
            return


def _joined(term: terms.Term, found: list[Truth]) -> Truth:
    if isinstance(term, terms.If):
        test, then, otherwise = found
        return then if test is True else otherwise if test is False else NOT_KNOWN
    return conjunction([*found]) if isinstance(term, AND) else disjunction([*found])


def mark(measured: Measured, matters: bool, seen: bytearray) -> None:
    """Take note of the outcomes of all operands below; `matters` is whether that of the whole does."""
    if isinstance(measured.part.inner, terms.If):
        _mark_choice(measured.below, matters, seen)
        return
    # One operand that is false settles an `and`, and one that is true an `or`.
    settles = isinstance(measured.part.inner, OR)
    settling = [each.truth for each in measured.below].count(settles)
    for each in measured.below:
        alone = settling == (each.truth is settles)
        note(each, matters and alone, seen)


def _mark_choice(below: Sequence[Measured], matters: bool, seen: bytearray) -> None:
    test, then, otherwise = below
    note(test, matters and then.truth is not otherwise.truth, seen)
    if test.truth is True:
        note(then, matters, seen)
    elif test.truth is False:
        note(otherwise, matters, seen)


def note(measured: Measured, matters: bool, seen: bytearray) -> None:
    """Take note of the outcome of a part, and of all below it."""
    seen[measured.part.at] |= bit(measured.truth, matters)
    if measured.below:
        mark(measured, matters, seen)


def bit(truth: Found, matters: bool) -> int:
    """Return what was seen, where something came to a truth."""
    if truth is True:
        return HOLDS if matters else HELD_HIDDEN
    if truth is False:
        return FAILS if matters else FAILED_HIDDEN
    return UNKNOWN
