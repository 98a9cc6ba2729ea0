"""Reading Cedar policies: by hand, as those of pdp are, for speed and for the messages."""

from __future__ import annotations

from typing import Final

from pdp.cedar.expressions import Expressions
from pdp.cedar.limits import MAX_DEPTH
from pdp.cedar.tree import (
    ActionConstraint,
    Annotation,
    Condition,
    ConditionKind,
    Constraint,
    Entity,
    Policy,
    Relation,
    Slot,
    SlotName,
)
from pdp.errors import Diagnostic, suggest
from pdp.ids import is_action
from pdp.model import Effect
from pdp.source import Source, Span
from pdp.syntax.characters import show
from pdp.syntax.reports import Abandoned, Failure

_SURROGATES: Final = ("\ud800", "\udfff")
_SCOPE: Final = "(principal, action, resource)"
_OTHER_OPERATORS: Final = frozenset({"!=", "<", "<=", ">", ">=", "has", "like"})
_ACTION: Final = "Action"
_ELSEWHERE: Final = {
    **dict.fromkeys(("allow", "Allow", "ALLOW", "Permit", "PERMIT", "grant"), "write `permit`"),
    **dict.fromkeys(("deny", "Deny", "DENY", "Forbid", "FORBID"), "write `forbid`"),
    "rule": f'a policy has no name of its own: write `@id("name")` before `permit {_SCOPE};`',
    **dict.fromkeys(
        ("package", "import", "default"), f"this is Rego: in Cedar, a policy is `permit {_SCOPE} when {{ … }};`"
    ),
    **dict.fromkeys(("namespace", "entity", "action", "type"), "this is a schema: it stands in a file of its own"),
}


def parse_policies(source: Source) -> tuple[tuple[Policy, ...], list[Diagnostic]]:
    """Read all policies of a text; go on after a mistake at the next policy.

    What could not be read is missing from the policies and told by the diagnostics, of which there are 51 at most. A
    policy without an id is called `policy` and its place among all policies of the text, those that could not be read
    included. Whatever the text is, nothing is raised.
    """
    parser = Parser(source)
    parser.file()
    return tuple(parser.policies), parser.diagnostics


class Parser(Expressions):
    """Reads policies."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.policies: list[Policy] = []
        self.count = 0
        """The policies met so far, whether they could be read or not."""
        self.ids: dict[str, Span] = {}

    def file(self) -> None:
        """Read everything."""
        try:
            if not self.content.isascii():
                self._check_surrogates()
            self.advance()
            while self.kind != "end":
                self._next()
        except Abandoned:
            pass
        self.diagnostics.sort(key=lambda each: each.span.start if each.span is not None else 0)

    def _check_surrogates(self) -> None:
        first, last = _SURROGATES
        for at, char in enumerate(self.content):
            if first <= char <= last:
                self.report("lone_surrogate", f"U+{ord(char):04X} is half a character", at, at + 1, "delete it")

    def _next(self) -> None:
        """Read a policy; where it cannot be read, look for the next."""
        self.begun = self.start
        self.depth = 0
        comments = self._comments_above()
        index = self.count
        self.count += 1
        before = len(self.diagnostics)
        try:
            policy = self._policy(comments, f"policy{index}")
        except Failure:
            self._recover()
        except RecursionError:
            # Whoever called stands so deep already that less than what is allowed can be read.
            self.too_deep(self.start, self.end)
            self._recover()
        else:
            if len(self.diagnostics) == before:
                self.policies.append(policy)

    def _recover(self) -> None:
        """Go on where a policy seems to start: first on its line, or after a semicolon."""
        while self.kind != "end":
            if self.kind == "open":
                raise self.fail("")
            if self.next_policy():
                return
            if self._take_end() and (self.text in ("permit", "forbid", "@") or self.kind == "end"):
                return
            self._skip()

    def _skip(self) -> None:
        if self.text != ";" and self.kind != "end":
            self.advance()

    def _take_end(self) -> bool:
        """Consume the semicolon in hand; what comments stand before the next token belong to the next policy."""
        if self.text != ";":
            return False
        self.comments = []
        self.advance()
        return True

    def _comments_above(self) -> tuple[str, ...]:
        """Return the lines of comment that stand right above the policy in hand."""
        below, found = self.start, []
        for start, end in reversed(self.comments):
            line = self.content.rfind("\n", 0, start) + 1
            between = self.content[end:below]
            if between.count("\n") != 1 or between.strip() or self.content[line:start].strip():
                break
            found.append(self.content[start + 2 : end].removeprefix(" ").rstrip())
            below = start
        return tuple(reversed(found))

    # ------------------------------------------------------------------------------------------------- policies

    def _policy(self, comments: tuple[str, ...], id_: str) -> Policy:
        start = self.start
        annotations = self._annotations()
        effect = self._effect()
        principal, action, resource = self._scope(effect)
        conditions = []
        while self.text == "when" or self.text == "unless":
            conditions.append(self._condition())
        if self.text != ";":
            raise self._no_end(bool(conditions))
        end = self.end
        self._take_end()
        span = Span(self.source, start, end)
        return Policy(
            span=span,
            id=self._id(annotations, id_, span),
            effect=effect,
            principal=principal,
            action=action,
            resource=resource,
            conditions=tuple(conditions),
            annotations=annotations,
            comments=comments,
        )

    def _id(self, annotations: tuple[Annotation, ...], id_: str, span: Span) -> str:
        """Return the id of a policy, and report one that another has."""
        place = span
        for each in annotations:
            if each.key == "id" and each.value:
                id_, place = each.value, each.span or span
        first = self.ids.setdefault(id_, place)
        if first is not place:
            message = f"two policies have the id `{show(id_)}`"
            own = place is not span
            help_ = (
                "give one of them another id" if own else "a policy without `@id` is called by its place: give it an id"
            )
            if not own:
                place = Span(self.source, span.start, min(span.end, span.start + len("permit")))
            self.report("duplicate_policy_id", message, place.start, place.end, help_, (("first here", first),))
        return id_

    def _annotations(self) -> tuple[Annotation, ...]:
        found: dict[str, Annotation] = {}
        while self.text == "@":
            start = self.start
            self.advance()
            if self.kind != "word":
                raise self.fail("the name of an annotation after `@`")
            # An annotation is the one place for a word that is reserved.
            key = self.text
            self.advance()
            value = ""
            opened = self.start
            if self.take("("):
                value = self.string("the value of the annotation", "it stands in double quotes")
                self.close(")", opened, "`)`")
            if key in found:
                message = f"the annotation `@{show(key)}` stands twice"
                self.report("duplicate_annotation", message, start, self.ended, "leave out one of them")
            found[key] = Annotation(span=self.span(start), key=key, value=value)
        return tuple(found.values())

    def _effect(self) -> Effect:
        text = self.text
        if text != "permit" and text != "forbid":
            help_ = _ELSEWHERE.get(text) or suggest(text, ("permit", "forbid")) if self.kind == "word" else None
            raise self.fail("`permit` or `forbid`", help_)
        self.advance()
        return Effect.PERMIT if text == "permit" else Effect.FORBID

    def _no_end(self, conditions: bool) -> Exception:
        text = self.text
        if self.kind == "word" and text in ("where", "if", "with", "needs", "requires", "provided"):
            message = f"`{text}` starts no condition"
            return self.failure(
                "unexpected_token", message, self.start, self.end, "write `when { … }` or `unless { … }`"
            )
        expected = "`;`, `when` or `unless`"
        return self.fail(expected, "a policy ends with `;`" if self.kind in ("end", "word") or text == "@" else None)

    def _condition(self) -> Condition:
        start = self.start
        kind = ConditionKind.WHEN if self.text == "when" else ConditionKind.UNLESS
        self.advance()
        opened = self.start
        self.expect("{", f"after `{kind}`", f"a condition stands in braces: `{kind} {{ … }}`")
        if self.text == "}":
            message = f"`{kind}` has no condition"
            raise self.failure("empty_condition", message, opened, self.end, f"leave out `{kind} {{}}`")
        body = self.expression()
        self.close("}", opened, "`}` or an operator")
        return Condition(span=self.span(start), kind=kind, body=body)

    # ---------------------------------------------------------------------------------------------------- scope

    def _scope(self, effect: Effect) -> tuple[Constraint, ActionConstraint, Constraint]:
        opened = self.start
        self.expect("(", f"after `{effect}`", f"write `{effect} {_SCOPE}`")
        principal = self._constraint(SlotName.PRINCIPAL)
        self.expect(",", "and `action` after the scope of the principal", f"the scope is `{_SCOPE}`")
        action = self._action()
        self.expect(",", "and `resource` after the scope of the action", f"the scope is `{_SCOPE}`")
        resource = self._constraint(SlotName.RESOURCE)
        self.take(",")
        self.close(")", opened, "`)` after the scope of the resource")
        return principal, action, resource

    def _variable(self, name: str) -> None:
        self.expect(name, "in the scope", f"the scope is `{_SCOPE}`, in this order")

    def _operator(self, name: str) -> str:
        """Return what relation the scope in hand has, or nothing, and consume its sign."""
        text = self.text
        if text == "==" or text == "in":
            self.advance()
            return text
        if text in _OTHER_OPERATORS:
            message = f"`{text}` cannot stand in a scope"
            help_ = f"move it into a condition: `when {{ {name} {text} … }}`"
            raise self.failure("scope_operator", message, self.start, self.end, help_)
        if text == "=":
            raise self.failure("single_equals", "`=` compares nothing", self.start, self.end, "write `==`")
        if text == ":":
            help_ = f"write `{name} is Type`"
            raise self.failure("scope_operator", "`:` says no type here", self.start, self.end, help_)
        return ""

    def _constraint(self, slot: SlotName) -> Constraint:
        start = self.start
        name = slot[1:]
        self._variable(name)
        type_ = None
        if self.take("is"):
            type_ = self.type_name(f"an entity type after `{name} is`")
            if self.text == "==":
                message = "`is` and `==` do not go together"
                help_ = "an entity that is named has its type already: leave out `is`"
                raise self.failure("scope_operator", message, self.start, self.end, help_)
        operator = self._operator(name)
        if not operator:
            return Constraint(span=self.span(start), type=type_)
        target = self._target(slot)
        return Constraint(span=self.span(start), type=type_, relation=Relation(operator), target=target)

    def _target(self, slot: SlotName) -> Entity | Slot:
        opened = self._parentheses()
        start, name = self.start, slot[1:]
        found: Entity | Slot
        if self.text == slot:
            self.advance()
            found = Slot(span=self.span(start), name=slot)
        elif self.kind == "slot":
            message = f"`{show(self.text)}` does not stand for the {name}"
            raise self.failure("misplaced_slot", message, self.start, self.end, f"write `{slot}`")
        elif self.text == "[":
            help_ = "name one entity that the others are in, or write one policy for each"
            message = f"the scope of the {name} holds one entity, not a set"
            raise self.failure("scope_set", message, self.start, self.end, help_)
        else:
            found = self.entity(f"an entity or `{slot}`")
        self._close_parentheses(opened)
        return found

    def _parentheses(self) -> list[int]:
        opened = []
        while self.text == "(":
            opened.append(self.start)
            if len(opened) > MAX_DEPTH:
                raise self.too_deep(self.start, self.end)
            self.advance()
        return opened

    def _close_parentheses(self, opened: list[int]) -> None:
        for at in reversed(opened):
            self.close(")", at, "`)`")

    def _action(self) -> ActionConstraint:
        start = self.start
        self._variable("action")
        if self.text == "is":
            help_ = f'name actions: `action in [{_ACTION}::"…"]`'
            raise self.failure(
                "scope_operator", "`is` cannot stand in the scope of the action", self.start, self.end, help_
            )
        operator = self._operator("action")
        if not operator:
            return ActionConstraint(span=self.span(start))
        opened = self._parentheses()
        listed = self.text == "["
        if listed and operator == "==":
            raise self.failure("scope_set", "`==` compares with one action", self.start, self.end, "write `in`")
        entities = self._listed() if listed else (self._one_action(),)
        self._close_parentheses(opened)
        return ActionConstraint(span=self.span(start), relation=Relation(operator), entities=entities, listed=listed)

    def _listed(self) -> tuple[Entity, ...]:
        opened = self.start
        self.advance()
        found = []
        while self.text != "]":
            found.append(self._one_action())
            if not self.take(","):
                break
        self.close("]", opened, "`,` or `]`")
        return tuple(found)

    def _one_action(self) -> Entity:
        opened = self._parentheses()
        start = self.start
        if self.kind == "slot":
            message = "a template does not leave the action open"
            raise self.failure("misplaced_slot", message, self.start, self.end, "name actions, or leave out the scope")
        found = self.entity("an action")
        if not is_action(found.ref.type):
            message = f"`{show(found.ref.type)}` is no type of actions"
            help_ = f'the type of an action is `{_ACTION}`, after its namespace: `Shop::{_ACTION}::"…"`'
            self.report("not_an_action", message, start, self.ended, help_)
        self._close_parentheses(opened)
        return found
