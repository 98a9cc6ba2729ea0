"""What it would take for a decision to be another one, and whether nothing less would do."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """The smallest change of facts that turns a decision around, and the smallest that takes no administrator.

    The second is None where the first takes none. Where not `complete`, less might do, and `reason` says why nobody
    looked: without a flip, that there might be one.
    """

    smallest: Flip | None = None
    alone: Flip | None = None
    complete: bool = True
    reason: str = ""


def find(
    policy: terms.Policy,
    question: Question,
    facts: Facts,
    judgement: Judgement,
    held: Collection[Node] = (),
    *,
    most: int = MOST,
    budget: int = BUDGET,
) -> Flips:
    """Search for what turns a judgement around; `held` are the entities that facts can be about besides those named."""
    refused = _hopeless(policy, judgement)
    if refused:
        return Flips(complete=False, reason=refused)
    known = Known(held, len(held), policy.schema, _named(question))
    search = Search(policy, question, facts, judgement, known, most=most, budget=budget)
    try:
        smallest = search.find()
    except Spent:
        return Flips(complete=False, reason=f"more than {budget} things would have to be looked at")
    reason = "" if smallest is not None and smallest.surest else _doubt(search, known)
    alone = None
    if smallest is not None and smallest.administrator:
        search.allow(ALONE)
        try:
            alone = search.find(least=smallest.size, administrator=False)
        except Spent:
            pass
    return Flips(smallest=smallest, alone=alone, complete=not reason, reason=reason)


def _hopeless(policy: terms.Policy, judgement: Judgement) -> str:
    if policy.schema.is_cedar:
        return "for policies of Cedar, nothing is searched"
    if judgement.reason in (Reason.SOURCE_FAILED, Reason.SOURCE_STALE):
        return "a source of facts has to be repaired first"
    if judgement.reason is Reason.INVALID_REQUEST:
        return "what is asked is no question of this policy"
    return ""


def _doubt(search: Search, known: Known) -> str:
    if search.unsure:
        return "what a source would say is not known"
    return "there are more entities than were tried" if known.cut else ""


def _named(question: Question) -> list[EntityRef]:
    values = [question.principal, question.resource, *question.context.values(), *(question.session or {}).values()]
    return [ref for each in values if not isinstance(each, Unknown) for ref in named_in(each)]
