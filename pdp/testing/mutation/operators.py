"""What is done to a policy to see whether its tests notice, and what comes of it."""

from __future__ import annotations

from enum import StrEnum

from pdp import terms
from pdp.classes import dataclass
from pdp.source import Span


class Operator(StrEnum):
    """The ways in which a policy is made another one; the names are those of reports."""

    EFFECT = "effect"
    COMPARISON = "comparison"
    AND_OR = "and/or"
    NEGATION = "negation"
    CLAUSE = "dropped clause"
    NEED = "dropped need"
    OPERAND = "dropped operand"
    SCOPE = "widened scope"
    NARROWED = "dropped scope"
    BOUNDARY = "moved boundary"
    ACTION_ADDED = "action added"
    ACTION_DROPPED = "action dropped"
    TIME = "dropped end"
    APPROVERS = "more approvers"
    QUANTIFIER = "any/all"
    ELEMENT = "set element"
    LITERAL = "other literal"
    PATTERN = "looser pattern"
    ARITHMETIC = "arithmetic"
    BRANCHES = "swapped branches"
    OBLIGATION = "dropped obligation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Conditions in which one thing is another now: `text` says it in one line."""

    operator: Operator
    terms: tuple[terms.Term, ...]
    text: str
    span: Span | None
