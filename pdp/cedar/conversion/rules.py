"""Policies of Cedar as rules of pdp.

A policy is translated for each action that it is about; actions for which it comes to the same share a rule, which is
where the actions go that a condition asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pdp.cedar import tree
from pdp.cedar.conversion.expressions import Translator
from pdp.cedar.conversion.kinds import Kinds
from pdp.cedar.conversion.names import Names, free
from pdp.cedar.conversion.notes import Difference, Untranslatable, comments, plain
from pdp.cedar.conversion.phrases import Out, Text, negated
from pdp.cedar.schemas import action_text
from pdp.cedar.text import show
from pdp.cedar.validation import skipping
from pdp.classes import dataclass, replace
from pdp.model import Effect
from pdp.values import EntityRef, quote

_REASONS = ("because", "reason", "advice", "description")
# Such a request is denied whatever the policies say.
_UNKNOWN = ("where no entity data holds `principal`", "where no entity data holds `resource`")
_MAX_CASES = 256
_DOCS = ("description", "reason", "because", "advice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule, or several of one policy, as a text; `differences` are told in comments of it."""

    policy: tree.Policy
    names: tuple[str, ...]
    text: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """What a policy comes to for an action: the scopes and the clauses, or nothing where it applies to no request."""

    principals: str
    resources: str
    clauses: tuple[str, ...]


class Rules:
    """Turns policies into rules, with the names that they have."""

    def __init__(self, names: Names, ids: dict[str, str]) -> None:
        self.names = names
        self.schema = names.schema
        self.ids = ids
        self._differences: dict[tuple[str, str], Difference] = {}

    def rule(self, policy: tree.Policy, *, apart: bool = False) -> Rule:
        """Return the rules of a policy; raise Untranslatable where it cannot be said in pdp.

        With the types of principals and resources `apart`, each has a rule of its own where they do not come to the
        same: pdp takes a test for a mistake that can only be true for one of them.
        """
        self._differences = {}
        bodies: dict[_Body, list[EntityRef]] = {}
        whole = policy.action.relation is None
        for ref, principals, resources in self._cases(policy, apart):
            action = self.schema.actions[self.schema.resolve_action(action_text(ref))]
            body = self._body(policy, Kinds(self.schema, action, principals, resources), apart)
            whole &= body is not None
            if body is not None:
                bodies.setdefault(body, []).append(ref)
        start = self.ids[policy.id]
        if not bodies:
            text = comments([f"not needed: the Cedar policy `{policy.id}` applies to no request"])
            return Rule(policy=policy, names=(), text=text, differences=())
        skips = self._skips(policy)
        several = len(bodies) > 1
        names, texts = [], []
        for number, (body, refs) in enumerate(bodies.items(), 1):
            name = free(f"{start}__{number}", self.ids.values()) if several else start
            names.append(name)
            actions = "any" if whole and not several else self._actions(policy.action, refs)
            texts.append(self._text(policy, name, actions, body, skips))
        return Rule(
            policy=policy,
            names=tuple(names),
            text="\n".join(texts),
            differences=tuple(self._differences.values()),
        )

    def _note(self, policy: tree.Policy, kind: str, message: str) -> str:
        self._differences.setdefault((kind, message), Difference(policy.id, kind, message))
        return f"differs from Cedar: {message}"

    # ---------------------------------------------------------------------------------------------------------- scopes

    def _cases(self, policy: tree.Policy, apart: bool) -> Iterator[tuple[EntityRef, frozenset[str], frozenset[str]]]:
        """Yield each action that a policy is about, with the types that it is about then: together, or one by one."""
        count = 0
        for ref in self._covered(policy.action):
            action = self.schema.actions[self.schema.resolve_action(action_text(ref))]
            principals = self._types(policy.principal, action.principals)
            resources = self._types(policy.resource, action.resources)
            count += len(principals) * len(resources)
            if apart and count > _MAX_CASES:
                raise Untranslatable("it is about too many combinations of types", policy)
            if apart:
                yield from (
                    (ref, frozenset([p]), frozenset([r])) for p in sorted(principals) for r in sorted(resources)
                )
            elif principals and resources:
                yield ref, principals, resources

    def _covered(self, scope: tree.ActionConstraint) -> list[EntityRef]:
        """Return the actions of a scope of which anybody can ask."""
        if scope.relation is None:
            return sorted(self.names.actions)
        found: set[EntityRef] = set()
        for each in scope.entities:
            if scope.relation is tree.Relation.EQ:
                found |= {each.ref} & self.names.actions.keys()
            else:
                found |= self.names.askable(each.ref)
        return sorted(found)

    def _actions(self, scope: tree.ActionConstraint, refs: Sequence[EntityRef]) -> str:
        """Write actions: with the names of the groups where these hold them all."""
        wanted = set(refs)
        shown: list[str] = []
        for each in scope.entities if scope.relation is tree.Relation.IN else ():
            inside = self.names.askable(each.ref)
            if each.ref in self.names.groups and inside and inside <= wanted:
                shown.append(self.names.groups[each.ref])
                wanted -= inside
        return ", ".join([*shown, *(self.names.actions[ref] for ref in refs if ref in wanted)])

    def _types(self, scope: tree.Constraint, declared: Iterable[str]) -> frozenset[str]:
        """Return those of an action's types that a scope can hold."""
        found = frozenset(each for each in declared if scope.type in (None, each))
        if not isinstance(scope.target, tree.Entity):
            return found
        wanted = scope.target.ref.type
        if scope.relation is tree.Relation.EQ:
            return found & {wanted}
        return frozenset(each for each in found if each == wanted or self.schema.can_be_in(each, wanted))

    def _scope(self, scope: tree.Constraint, root: str, translator: Translator) -> tuple[str, list[str]]:
        """Write a scope, and the clauses that it needs beside it."""
        if not isinstance(scope.target, tree.Entity):
            everything = "anyone" if root == "principal" else "anything"
            return (everything if scope.type is None else self.names.types[scope.type]), []
        ref = scope.target.ref
        entity = translator.entity(ref, scope.target)
        holds = ref.type in self.schema.containers
        if scope.relation is tree.Relation.EQ and holds:
            return self.names.types[ref.type], [
                *comments(["pdp's scope would hold all that is in it, too"]).splitlines(),
                f"when {root} == {entity}",
            ]
        if scope.relation is tree.Relation.EQ or scope.type is None or (scope.type == ref.type and not holds):
            return entity, []
        return f"{self.names.types[scope.type]} in {entity}", []

    # --------------------------------------------------------------------------------------------------------- clauses

    def _body(self, policy: tree.Policy, kinds: Kinds, apart: bool) -> _Body | None:
        """Return what a policy comes to for an action; None where its conditions never hold."""
        scopes = policy.principal, policy.resource
        if apart:
            scopes = _of_type(policy.principal, kinds.principals), _of_type(policy.resource, kinds.resources)
        notes: list[str] = []

        def note(kind: str, message: str) -> None:
            notes.append(self._note(policy, kind, message))

        translator = Translator(kinds, self.names, note)
        principal, clauses = self._scope(scopes[0], "principal", translator)
        resource, more = self._scope(scopes[1], "resource", translator)
        clauses += more
        for condition in policy.conditions:
            required = condition.kind is tree.ConditionKind.WHEN
            found = translator.condition(condition.body, required=required)
            if found is (condition.kind is tree.ConditionKind.UNLESS):
                return None
            if isinstance(found, Text):
                clauses += comments(dict.fromkeys(notes)).splitlines()
                clauses += _clauses(policy.effect, condition.kind, found)
            notes.clear()
        return _Body(principals=principal, resources=resource, clauses=tuple(clauses))

    def _skips(self, policy: tree.Policy) -> list[str]:
        """Return what there is to say of a forbid that Cedar skips where it cannot be evaluated, and pdp does not."""
        found = [each for each in skipping([policy], self.schema) if not each.message.endswith(_UNKNOWN)]
        if not found:
            return []
        first = found[0]
        where = first.message.removeprefix("this forbid is skipped ")
        what = f"Cedar skips this forbid {where}, and pdp denies then"
        return [self._note(policy, "forbid_denies", what)]

    def _text(self, policy: tree.Policy, name: str, actions: str, body: _Body, skips: Sequence[str]) -> str:
        renamed = [] if name == policy.id else [f"the Cedar policy `{policy.id}`"]
        others = [
            f"@{each.key}: {each.value}" for each in policy.annotations if each.key not in ("id", *_DOCS) and each.value
        ]
        lines = [
            f"rule {name}:",
            f"  {policy.effect} {body.principals} to {actions} on {body.resources}",
            *(f"  {clause}" for clause in body.clauses),
            *self._end(policy, body),
        ]
        before = comments([*renamed, *others, *skips]) + comments(_docs(policy), "## ")
        return before + "\n".join(lines) + "\n"

    def _end(self, policy: tree.Policy, body: _Body) -> Iterator[str]:
        if policy.effect is Effect.FORBID:
            yield f"  because {quote(_because(policy))}"
        elif self._names_one(policy.principal) and not body.principals.isidentifier():
            yield f"  standing because {quote(f'converted from the Cedar policy {plain(policy.id)}')}"

    def _names_one(self, scope: tree.Constraint) -> bool:
        return isinstance(scope.target, tree.Entity) and scope.target.ref.type not in self.schema.containers


def _of_type(scope: tree.Constraint, types: frozenset[str]) -> tree.Constraint:
    """Return a scope that is about one type alone."""
    (name,) = types
    return scope if scope.relation is tree.Relation.EQ else replace(scope, type=name)


def _clauses(effect: Effect, kind: tree.ConditionKind, found: Text) -> Iterator[str]:
    """Write a condition as the clauses that a rule of this effect has."""
    if kind is tree.ConditionKind.WHEN:
        yield f"when {found.text}"
    elif effect is Effect.FORBID:
        yield f"unless {found.text}"
    else:
        opposite: Out = negated(found)
        assert isinstance(opposite, Text)
        yield f"when {opposite.text}"


def _because(policy: tree.Policy) -> str:
    said = {each.key: each.value for each in policy.annotations}
    for key in _REASONS:
        if said.get(key, "").strip():
            return said[key]
    return f"the Cedar policy {policy.id} forbids it"


def _docs(policy: tree.Policy) -> list[str]:
    """Return what a policy says of itself, but for what a forbid says with `because`."""
    said = {each.key: each.value for each in policy.annotations}
    used = _because(policy) if policy.effect is Effect.FORBID else None
    return [*policy.comments, *dict.fromkeys(said[key] for key in _DOCS if key in said and said[key] != used)]


def original(policy: tree.Policy) -> str:
    """Return the text of a policy as comments."""
    if policy.span is not None:
        return comments((line for line in policy.span.text.splitlines()), "#   ")
    return comments([f"{each.kind} {{ {show(each.body)} }}" for each in policy.conditions], "#   ")
