"""Coverage of random conditions, held against what it means that an outcome matters, and how coverages add up.

An outcome of an operand counts exactly where the rule would come to something else if the operand came to the other
one, and nothing else were different.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from pdp import terms
from pdp.model import Reason
from pdp.testing import Runner
from pdp.testing.coverage import Coverage, Kind, Report
from pdp.testing.coverage.points import FAILED_HIDDEN, FAILS, HELD_HIDDEN, HOLDS
from tests.testing.coverage.policies import policy_of

NAMES = tuple(f"a{at}" for at in range(10))


@dataclass(frozen=True)
class Tree:
    """A condition: an attribute, maybe negated, or an operator over others. No attribute stands in it twice."""

    op: str
    of: tuple[Tree, ...] = ()
    name: str = ""

    def __str__(self) -> str:
        match self.op:
            case "leaf":
                return f"resource.{self.name}"
            case "not":
                return f"not {_wrapped(self.of[0])}"
            case "if":
                test, then, otherwise = map(str, self.of)
                return f"if {test} then {then} else {otherwise}"
            case _:
                return f" {self.op} ".join(map(_wrapped, self.of))

    def truth(self, world: dict[str, bool]) -> bool:
        match self.op:
            case "leaf":
                return world[self.name]
            case "not":
                return not self.of[0].truth(world)
            case "if":
                return self.of[1 if self.of[0].truth(world) else 2].truth(world)
            case "and":
                return all(each.truth(world) for each in self.of)
            case _:
                return any(each.truth(world) for each in self.of)

    def leaves(self) -> Iterator[str]:
        if self.name:
            yield self.name
        for each in self.of:
            yield from each.leaves()


def _wrapped(tree: Tree) -> str:
    return str(tree) if tree.op == "leaf" else f"({tree})"


@dataclass(frozen=True)
class RuleTree:
    whens: tuple[Tree, ...]
    needs: tuple[Tree, ...]

    def __str__(self) -> str:
        lines = [f"  when {each}" for each in self.whens] + [f'  needs {each} else "n"' for each in self.needs]
        return 'rule r:\n  permit User in Group "g" to read on Doc\n' + "\n".join(lines)

    def outcome(self, world: dict[str, bool]) -> tuple[object, ...]:
        """What a caller can tell apart: that it applies, or which needs are not met, or that it does not."""
        if not all(each.truth(world) for each in self.whens):
            return ()
        return (True, *(each.truth(world) for each in self.needs))


@st.composite
def trees(draw: st.DrawFn, names: list[str], depth: int = 3) -> Tree:
    if len(names) == 1 or depth == 0:
        leaf = Tree("leaf", name=names[0])
        return Tree("not", (leaf,)) if draw(st.booleans()) else leaf
    ops = ["and", "or", "not"] + (["if"] if len(names) > 2 else [])
    op = draw(st.sampled_from(ops))
    if op == "not":
        inner = draw(trees(names, depth - 1))
        return inner if inner.op == "not" else Tree("not", (inner,))
    parts = 3 if op == "if" else draw(st.integers(2, min(3, len(names))))
    cuts = sorted(draw(st.permutations(range(1, len(names))))[: parts - 1])
    groups = [names[start:end] for start, end in zip([0, *cuts], [*cuts, len(names)], strict=True)]
    return Tree(op, tuple(draw(trees(group, depth - 1)) for group in groups))


@st.composite
def rule_trees(draw: st.DrawFn) -> RuleTree:
    names = list(NAMES[: draw(st.integers(3, len(NAMES)))])
    cuts = sorted({draw(st.integers(1, len(names))) for _ in range(draw(st.integers(0, 2)))} - {len(names)})
    groups = [names[start:end] for start, end in zip([0, *cuts], [*cuts, len(names)], strict=True)]
    clauses = tuple(draw(trees(group)) for group in groups)
    whens = draw(st.integers(0, len(clauses)))
    return RuleTree(clauses[:whens], clauses[whens:])


worlds = st.fixed_dictionaries({name: st.booleans() for name in NAMES})


def policy_for(rule: RuleTree, *asked: dict[str, bool]) -> terms.Policy:
    """Write a rule, and a test of it for each of some worlds; in every second, who asks is out of its scope."""
    fields = ", ".join(f"{name}: Bool" for name in NAMES)
    text = f"type Group\ntype User in Group\ntype Doc {{ {fields} }}\naction read on Doc by User\n{rule}\n"
    for nth, world in enumerate(asked):
        given_ = ", ".join(f"{name}: {str(value).lower()}" for name, value in world.items())
        member = "" if nth % 2 else ' in Group "g"'
        text += f'test "{nth}":\n  given Doc "d" {{ {given_} }}\n        User "u"{member}\n'
        text += '  expect deny User "u" to read on Doc "d"\n'
    return policy_of(text)


def report_of(policy: terms.Policy, *tests: terms.Test) -> Report:
    coverage = Coverage(policy)
    list(coverage.watch(Runner(policy), tests))
    return coverage.report()


@settings(max_examples=200, deadline=None)
@given(rule=rule_trees(), world=worlds)
def test_an_outcome_counts_exactly_where_another_would_change_what_the_rule_comes_to(rule, world):
    policy = policy_for(rule, world)

    report = report_of(policy, *policy.tests)

    leaves = {mark.point.text.removeprefix("not "): mark for mark in report.marks if mark.point.kind is Kind.OPERAND}
    for name in (each for tree in (*rule.whens, *rule.needs) for each in tree.leaves()):
        mark = leaves.get(f"resource.{name}")
        if mark is None or not mark.reached:
            continue
        held = world[name] is not mark.point.text.startswith("not ")
        matters = rule.outcome(world) != rule.outcome(world | {name: not world[name]})
        expected = (HOLDS if held else FAILS) if matters else (HELD_HIDDEN if held else FAILED_HIDDEN)
        assert mark.seen == expected, (name, str(rule))


@settings(max_examples=60, deadline=None)
@given(rule=rule_trees(), asked=st.lists(worlds, min_size=1, max_size=6), data=st.data())
def test_coverages_of_parts_add_up_to_that_of_the_whole(rule, asked, data):
    policy = policy_for(rule, *asked)
    cut = data.draw(st.integers(0, len(policy.tests)))
    first, second = Coverage(policy), Coverage(policy)
    list(first.watch(Runner(policy), policy.tests[:cut]))
    list(second.watch(Runner(policy), policy.tests[cut:]))
    shuffled = data.draw(st.permutations(policy.tests))

    second.merge(first.seen)
    second.merge(first.seen)

    whole = report_of(policy, *policy.tests)
    assert second.report() == whole
    assert report_of(policy, *shuffled) == whole


@settings(max_examples=60, deadline=None)
@given(rule=rule_trees(), asked=st.lists(worlds, min_size=1, max_size=6))
def test_more_tests_never_cover_less(rule, asked):
    policy = policy_for(rule, *asked)
    coverage = Coverage(policy)
    runner, covered = Runner(policy), [0]

    for result in coverage.watch(runner, policy.tests):
        assert result.judgement.findings or result.judgement.reason is Reason.DEFAULT
        covered.append(coverage.report().covered)

    assert covered == sorted(covered)
    assert covered[-1] <= coverage.report().wanted


@settings(max_examples=60, deadline=None)
@given(rule=rule_trees(), world=worlds)
def test_each_point_belongs_to_one_file_and_one_line(rule, world):
    policy = policy_for(rule, world)

    report = report_of(policy, *policy.tests)

    placed = [mark for file in report.files for marks in file.by_line().values() for mark in marks]
    assert sorted(map(id, placed)) == sorted(map(id, report.marks))
    assert sum(file.wanted for file in report.files) == report.wanted
    for file in report.files:
        lines = file.source.text.count("\n") + 1
        assert all(mark.point.path == file.path and 1 <= mark.point.line <= lines for mark in file.marks)
