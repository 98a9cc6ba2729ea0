"""Breaches of Cedar's meaning, each made in pdp on purpose: the proof that the comparison would find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, cast

from pdp import evaluation, extensions, interpreter, operators, terms, values
from pdp.cedar import lowering, templates, tree
from pdp.codegen import cedar as compiled
from pdp.codegen import support
from pdp.evaluation import Scene
from pdp.model import Effect
from pdp.symbols import Function
from pdp.values import UNKNOWN, Datetime, Decimal, Duration, EntityRef, Ip, Unknown, ValueSet

BREACHES: dict[str, tuple[Any, Any, Any]] = {}


@contextmanager
def broken(name: str) -> Iterator[None]:
    """Put a breach in for a while."""
    owner, key, wrong = BREACHES[name]
    if isinstance(owner, MutableMapping):
        right = owner[key]
        owner[key] = wrong
        try:
            yield
        finally:
            owner[key] = right
        return
    right = owner.__dict__[key]
    # Terms are found in a table, which has some functions by themselves.
    table: dict[Any, Any] = cast("dict[Any, Any]", evaluation._EVALUATED)
    kinds = [kind for kind, found in table.items() if found is right]
    setattr(owner, key, wrong)
    table.update(dict.fromkeys(kinds, wrong))
    try:
        yield
    finally:
        setattr(owner, key, right)
        table.update(dict.fromkeys(kinds, right))


def breach(owner: Any, key: Any) -> Callable[[Any], Any]:
    """Put what stands in for something on the list, under its name."""

    def take(wrong: Any) -> Any:
        name = wrong.fget.__name__ if isinstance(wrong, property) else wrong.__name__
        BREACHES[name] = owner, key, wrong
        return wrong

    return take


# ------------------------------------------------------------------------------------------------------- conditions


@breach(evaluation, "_in_order")
def what_follows_false_is_looked_at(operands: Any, neutral: bool, scene: Scene) -> Any:
    found = [evaluation.evaluate(each, scene) for each in operands]
    if any(not isinstance(each, bool) for each in found):
        return UNKNOWN
    return (not neutral) if (not neutral) in found else neutral


@breach(compiled, "_in_order")
def compiled_rules_ask_the_last_first(made: Any, operands: Any, neutral: bool) -> Any:
    return _IN_ORDER(made, [*operands][::-1], neutral)


_IN_ORDER = compiled._in_order


@breach(evaluation, "_if")
def both_branches_have_to_hold(term: terms.If, scene: Scene) -> Any:
    each = [evaluation.evaluate(one, scene) for one in (term.test, term.then, term.otherwise)]
    return UNKNOWN if any(isinstance(one, Unknown) for one in each) else _IF(term, scene)


_IF = evaluation._if


@breach(evaluation, "same")
def different_types_cannot_be_compared(left: Any, right: Any) -> Any:
    return UNKNOWN if left.__class__ is not right.__class__ else operators.same(left, right)


@breach(values, "_key")
def one_is_true(value: Any) -> Any:
    return value


@breach(evaluation, "like")
def a_star_is_not_nothing(operand: Any, parts: tuple[str, ...]) -> Any:
    found = operators.like(operand, parts)
    return False if found is True and len(parts) > 1 and operand == "".join(parts) else found


BREACHES["an_unless_that_stands_alone_is_a_when"] = (
    lowering._KINDS,
    tree.ConditionKind.UNLESS,
    terms.ClauseKind.WHEN,
)


@breach(lowering, "_clauses")
def conditions_are_asked_backwards(clauses: Any) -> Any:
    return _CLAUSES([*clauses][::-1])


_CLAUSES = lowering._clauses


# ------------------------------------------------------------------------------------------------- entities and tags


@breach(evaluation, "_attributes_of")
def has_of_nobody_fails(found: Any, scene: Scene) -> Any:
    attributes = _ATTRIBUTES_OF(found, scene)
    return UNKNOWN if isinstance(found, EntityRef) and not attributes else attributes


_ATTRIBUTES_OF = evaluation._attributes_of


@breach(evaluation, "closure")
def nobody_is_not_in_themselves(ref: EntityRef, scene: Scene) -> Any:
    ends, doubt = _CLOSURE(ref, scene)
    return (ends if len(ends) > 1 else {}), doubt


@breach(evaluation, "closure")
def groups_of_groups_do_not_count(ref: EntityRef, scene: Scene) -> Any:
    ends, doubt = _CLOSURE(ref, scene)
    parents = {step.parent for step in scene.facts.node(ref).parents}
    return {each: end for each, end in ends.items() if each == ref or each in parents}, doubt


_CLOSURE = evaluation.closure


@breach(evaluation, "_within")
def one_match_in_a_list_is_enough(left: Any, right: Any, scene: Scene) -> Any:
    if isinstance(right, ValueSet) and isinstance(left, EntityRef):
        found = [_WITHIN(left, each, scene) for each in right]
        return True if True in found else UNKNOWN if any(isinstance(each, Unknown) for each in found) else False
    return _WITHIN(left, right, scene)


_WITHIN = evaluation._within


@breach(support, "within")
def compiled_rules_take_no_match_for_one(world: Any, left: Any, right: Any) -> bool:
    return _SUPPORTED(world, left, right) or not isinstance(right, EntityRef)


_SUPPORTED = support.within


@breach(evaluation, "_has_tag")
def every_tag_is_there(term: terms.HasTag, scene: Scene) -> Any:
    found = _HAS_TAG(term, scene)
    return found if isinstance(found, Unknown) else True


_HAS_TAG = evaluation._has_tag


# -------------------------------------------------------------------------------------------------------- functions


@breach(extensions, "_fitting")
def an_overflow_wraps(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


@breach(extensions.FUNCTIONS, Function.IS_IN_RANGE)
def a_range_is_its_first_address(address: Any, range: Any) -> Any:
    if isinstance(address, Ip) and isinstance(range, Ip):
        return address.version == range.version and address.first >= range.first
    return UNKNOWN


@breach(extensions.FUNCTIONS, Function.TO_DATE)
def a_day_before_1970_begins_at_its_end(moment: Any) -> Any:
    day = 86_400_000_000
    return Datetime(int(moment.micros / day) * day) if isinstance(moment, Datetime) else UNKNOWN


@breach(extensions.FUNCTIONS, Function.TO_SECONDS)
def seconds_are_rounded_down(length: Any) -> Any:
    return length.micros // 1_000_000 if isinstance(length, Duration) else UNKNOWN


@breach(extensions.FUNCTIONS, Function.DECIMAL)
def a_decimal_is_what_python_takes_for_one(text: Any) -> Any:
    try:
        return Decimal(int(float(text) * 10_000))
    except (TypeError, ValueError, OverflowError):
        return UNKNOWN


# --------------------------------------------------------------------------------------------------------- policies


@breach(interpreter.Finding, "denies")
@property
def a_forbid_that_fails_denies(self: Any) -> bool:
    return self.rule.effect is Effect.FORBID and (self.applies or self.errs)


@breach(interpreter.Judgement, "erring")
@property
def what_fails_is_not_told_on_allow(self: Any) -> tuple[Any, ...]:
    return () if self.outcome == "allow" else tuple(each for each in self.findings if each.errs)


@breach(templates, "_fill")
def a_slot_takes_what_the_other_got(constraint: Any, link: Any) -> Any:
    if isinstance(constraint.target, tree.Slot) and len(link.values) == 2:
        other = next(name for name in link.values if name != constraint.target.name)
        return tree.Constraint(**{**_fields(constraint), "target": tree.Entity(ref=link.values[other])})
    return _FILL(constraint, link)


_FILL = templates._fill


def _fields(constraint: Any) -> dict[str, Any]:
    return {name: getattr(constraint, name) for name in ("span", "relation", "type", "target")}


@breach(lowering._Actions, "_inside")
def groups_of_action_groups_do_not_count(self: Any, group: EntityRef) -> Any:
    return [self._exact[ref] for ref in (group, *self._members.get(group, ())) if ref in self._exact]


@breach(lowering, "_scope")
def equal_is_in(scope: Any, root: Any, schema: Any) -> Any:
    return _SCOPE(scope, root, schema)[0], []


_SCOPE = lowering._scope
