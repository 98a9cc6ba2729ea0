"""A Cedar application as a policy folder of pdp.

What is written is checked as `pdp check` does: a policy of which the rule does not hold up there is not converted, and
its Cedar text stands in a comment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from pdp.build import build
from pdp.cedar import tree
from pdp.cedar.conversion import facts
from pdp.cedar.conversion.names import Names, fitting_enums, rule_names
from pdp.cedar.conversion.notes import Difference, Untranslatable, comments
from pdp.cedar.conversion.rules import Rule, Rules, original
from pdp.cedar.conversion.schema import declarations
from pdp.cedar.loading import Read
from pdp.cedar.validation import validate
from pdp.classes import dataclass, field
from pdp.errors import Diagnostic, Severity
from pdp.source import Source
from pdp.syntax.printer import reformat

_HEAD: Final = """
This was converted from Cedar by `pdp convert`. A type has its name without namespaces, an action its id and a rule the
id of its policy, in letters, digits and `_`. Where that is no other name's alone, the namespace goes before it, or a
number behind it. What has another name in Cedar, and what means something else, is told beside it. This holds
everywhere:
- a principal or a resource that no entity data holds is denied, where Cedar asks the policies;
- what is asked of any other such entity is unknown, where to Cedar it has nothing and is in nothing;
- a forbid that cannot be evaluated denies, where Cedar skips it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What a Cedar application comes to: the texts of a policy folder, and what is different there.

    `diagnostics` tell what could not be converted; all else is.
    """

    policy: str
    entities: str
    rules: dict[str, tuple[str, ...]]
    """The rules of each policy that was converted, by its id: none where it applies to no request."""
    differences: tuple[Difference, ...]
    diagnostics: tuple[Diagnostic, ...]
    names: Names = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "rules": {name: list(rules) for name, rules in self.rules.items()},
            "differences": [each.to_json() for each in self.differences],
            "diagnostics": [each.to_json() for each in self.diagnostics],
            "files": self.files(),
        }

    def files(self) -> dict[str, str]:
        """Return the texts by the names of files."""
        return {"policy.pdp": self.policy, **({"entities.json": self.entities} if self.entities else {})}


def convert(found: Read) -> Converted | None:
    """Convert what is read of an application, where somebody wrote a schema for it; None where nobody did."""
    schema, store = found.schema, found.store
    if schema is None or store is None or schema.open:
        return None
    names = Names(schema, fitting_enums(schema))
    linked = [each for each in found.policies if not each.slots]
    wrong = [each for each in validate(linked, schema) if each.severity is Severity.ERROR]
    declared = declarations(names)
    maker = Rules(names, rule_names(each.id for each in linked))
    rules, problems = _translated(linked, maker, wrong)
    rules, refused = _checked(declared.text, rules, maker)
    entities, odd, unwritten = facts.written(store, names)
    failed = [*problems, *refused]
    text = _whole(declared.text, rules, failed, [each for each in found.templates if not _is_linked(each, linked)])
    return Converted(
        policy=text,
        entities=entities,
        rules={rule.policy.id: rule.names for rule in rules},
        differences=(*declared.differences, *(each for rule in rules for each in rule.differences), *odd),
        diagnostics=(*(_diagnostic(policy, error) for policy, error in failed), *unwritten),
        names=names,
    )


_Failed = list[tuple[tree.Policy, Untranslatable]]


def _translated(
    policies: Iterable[tree.Policy], rules: Rules, wrong: Sequence[Diagnostic]
) -> tuple[list[Rule], _Failed]:
    found: list[Rule] = []
    failed: _Failed = []
    for policy in policies:
        try:
            invalid = next((each for each in wrong if _is_within(each, policy)), None)
            if invalid is not None:
                raise Untranslatable(f"it does not validate: {invalid.message}")
            found.append(_translation(policy, rules))
        except Untranslatable as error:
            failed.append((policy, error))
    return found, failed


def _translation(policy: tree.Policy, rules: Rules) -> Rule:
    try:
        return rules.rule(policy)
    except Untranslatable as error:
        try:
            return rules.rule(policy, apart=True)
        except Untranslatable:
            raise error from None


def _is_within(diagnostic: Diagnostic, policy: tree.Policy) -> bool:
    inner, outer = diagnostic.span, policy.span
    if inner is None or outer is None or inner.source is not outer.source:
        return False
    return outer.start <= inner.start and inner.end <= outer.end


def _checked(declared: str, rules: list[Rule], maker: Rules) -> tuple[list[Rule], _Failed]:
    """Return the rules that hold up in pdp, and those that do not."""
    failed: _Failed = []
    tried: set[str] = set()
    while True:
        wrong = _wrong(declared, rules)
        if not wrong:
            return rules, failed
        left: list[Rule] = []
        for at, rule in enumerate(rules):
            error = wrong.get(at)
            again = None if error is None or rule.policy.id in tried else _apart(rule, maker)
            tried |= set() if error is None else {rule.policy.id}
            if error is None or again is not None:
                left.append(again or rule)
            else:
                failed.append((rule.policy, Untranslatable(_told(error))))
        rules = left


def _apart(rule: Rule, maker: Rules) -> Rule | None:
    try:
        return maker.rule(rule.policy, apart=True)
    except Untranslatable:
        return None


def _wrong(declared: str, rules: Sequence[Rule]) -> dict[int, Diagnostic]:
    """Return the first error of each rule that has one, by its number. At most so many errors are told at once."""
    text, starts = declared, []
    for rule in rules:
        starts.append(len(text))
        text += rule.text
    wrong = [each for each in _errors(text) if each.span is not None and each.span.start >= len(declared)]
    return {_at(starts, each): each for each in reversed(wrong)}


def _told(diagnostic: Diagnostic) -> str:
    return f"pdp refuses the rule: {diagnostic.message}"


def _at(starts: Sequence[int], diagnostic: Diagnostic) -> int:
    assert diagnostic.span is not None
    start = diagnostic.span.start
    return max(at for at, each in enumerate(starts) if each <= start)


def _errors(text: str) -> list[Diagnostic]:
    built = build([Source("policy.pdp", text)], "")
    return [each for each in built.diagnostics if each.severity is Severity.ERROR]


def _is_linked(template: tree.Policy, linked: Sequence[tree.Policy]) -> bool:
    return any(each.span == template.span for each in linked)


def _whole(declared: str, rules: Sequence[Rule], failed: _Failed, templates: Sequence[tree.Policy]) -> str:
    parts = [comments(_HEAD.strip().splitlines()), "\n", declared]
    parts += [f"\n{rule.text}" for rule in rules]
    for template in templates:
        parts += ["\n", comments([f"not needed: the template `{template.id}` has no link"]), original(template)]
    for policy, error in failed:
        why = f"not converted: the Cedar policy `{policy.id}`: {error.message}"
        parts += ["\n", comments([why]), original(policy)]
    text = "".join(parts)
    return reformat(Source("policy.pdp", text))[0] or text


def _diagnostic(policy: tree.Policy, error: Untranslatable) -> Diagnostic:
    span = policy.span if error.at is None or error.at.span is None else error.at.span
    message = f"the policy `{policy.id}` is not converted: {error.message}"
    return Diagnostic(code="not_converted", message=message, span=span)
