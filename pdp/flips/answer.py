"""What it would take for a decision to be another one, and whether nothing less would do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from pdp import terms
from pdp.classes import dataclass
from pdp.evaluation import Question
from pdp.flips.known import Known, named_in
from pdp.flips.obstacles import Spent
from pdp.flips.search import BUDGET, MOST, Flip, Search
from pdp.interpreter import Judgement
from pdp.model import Node, Reason
from pdp.ports import Facts
from pdp.values import EntityRef, Unknown

ALONE: Final = 5_000
"""So much more is looked at for what takes no administrator."""


class Entities(Protocol):
    """The entities that are held."""

    def __iter__(self) -> Iterator[Node]:
        """Yield each of them."""

    def __len__(self) -> int:
        """Return how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """The smallest change of facts that turns a decision around, and the smallest that takes no administrator.

    The second is None where the first takes none. `nearest` is the rule that takes the fewest. Where not `complete`,
    less might do, or anything at all where no flip is there; `reason` says why nobody looked.
    """

    smallest: Flip | None = None
    alone: Flip | None = None
    complete: bool = True
    reason: str = ""
    nearest: terms.Rule | None = None


def find(
    policy: terms.Policy,
    question: Question,
    facts: Facts,
    judgement: Judgement,
    held: Entities = (),
    *,
    most: int = MOST,
    budget: int = BUDGET,
    brought: frozenset[EntityRef] = frozenset(),
) -> Flips:
    """Search for what turns a judgement around; `held` are the entities that facts can be about besides those named.

    What those are that are `brought` with the request is the caller's to say.
    """
    refused = _hopeless(policy, judgement)
    if refused:
        return Flips(complete=False, reason=refused)
    known = Known(held, len(held), policy.schema, _named(question))
    search = Search(policy, question, facts, judgement, known, most=most, budget=budget, brought=brought)
    try:
        smallest = search.find()
    except Spent:
        reason = f"more than {budget} things would have to be looked at"
        return Flips(complete=False, reason=reason, nearest=search.nearest(None))
    reason = "" if smallest is not None and smallest.surest else _doubt(search, known)
    alone = None
    if smallest is not None and smallest.administrator:
        search.allow(ALONE)
        try:
            alone = search.find(least=smallest.size, administrator=False)
        except Spent:
            pass
    nearest = search.nearest(smallest)
    return Flips(smallest=smallest, alone=alone, complete=not reason, reason=reason, nearest=nearest)


def _hopeless(policy: terms.Policy, judgement: Judgement) -> str:
    if policy.schema.is_cedar:
        return "policies of Cedar are not searched"
    if judgement.reason in (Reason.SOURCE_FAILED, Reason.SOURCE_STALE):
        return "a source of facts has to be repaired first"
    if judgement.reason is Reason.INVALID_REQUEST:
        return "what is asked is no question of this policy"
    return ""


def _doubt(search: Search, known: Known) -> str:
    if search.unsure:
        return "what a source would say is not known"
    return "there is more than was tried" if known.cut else ""


def _named(question: Question) -> list[EntityRef]:
    values = [question.principal, question.resource, *question.context.values(), *(question.session or {}).values()]
    return [ref for each in values if not isinstance(each, Unknown) for ref in named_in(each)]
