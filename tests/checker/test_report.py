"""However many mistakes there are, they are told at once, and no more of them than a person reads."""

from __future__ import annotations

import time

import pytest

from pdp.checker import report
from pdp.folder import load_sources
from pdp.source import Source
from pdp.syntax.limits import MAX_ERRORS

WORLD = "type User { level: Int }\ntype Page\naction read on Page by User\n"


def rule(index: int, condition: str) -> str:
    return f"rule r{index}:\n  permit User to read on Page\n  when {condition}\n"


def test_of_each_file_the_first_errors_are_shown() -> None:
    mistakes = "".join(rule(index, f"principal.x{index} == 1") for index in range(80))
    sources = [
        Source("a.pdp", WORLD + mistakes),
        Source("b.pdp", 'rule b:\n  forbid User to fly on Page\n  because "x"\n'),
    ]

    found = load_sources(sources).diagnostics

    assert [each.code for each in found] == [
        *["unknown_attribute"] * MAX_ERRORS,
        "too_many_errors",
        "unknown_action",
    ]
    assert found[MAX_ERRORS].message == "the file has more than 50 errors: no more are shown"
    assert found[MAX_ERRORS].help == "mend these first"
    assert found[MAX_ERRORS].span is not None
    assert found[MAX_ERRORS].span.text == "x50"


def test_as_many_errors_as_are_shown_are_not_too_many() -> None:
    mistakes = "".join(rule(index, f"principal.x{index} == 1") for index in range(MAX_ERRORS))

    found = load_sources([Source("a.pdp", WORLD + mistakes)]).diagnostics

    assert [each.code for each in found] == ["unknown_attribute"] * MAX_ERRORS


def test_words_are_compared_for_a_suggestion_as_long_as_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_MAX_COMPARED", 2)
    mistakes = "".join(rule(index, f"principal.level{index} == 1") for index in range(3))

    found = load_sources([Source("a.pdp", WORLD + mistakes)]).diagnostics

    assert [each.help for each in found] == ["did you mean `level`?", "did you mean `level`?", "it has level"]


@pytest.mark.parametrize("letters", [1, 50_000])
def test_misspelling_many_names_takes_moments(letters: int) -> None:
    count = 2_000 if letters == 1 else 8
    attributes = ", ".join(f"{'a' * letters}{index}: Int" for index in range(count))
    world = WORLD.replace("level: Int", attributes)
    mistakes = "".join(rule(index, f"principal.{'b' * letters}{index} == 1") for index in range(count))
    start = time.process_time()

    found = load_sources([Source("a.pdp", world + mistakes)]).diagnostics

    assert {each.code for each in found} <= {"unknown_attribute", "too_many_errors"}
    assert time.process_time() - start < 10


def test_a_type_of_very_many_attributes_is_told_in_short() -> None:
    world = WORLD.replace("level: Int", ", ".join(f"a{index}: Int" for index in range(30)))

    (found,) = load_sources([Source("a.pdp", world + rule(0, "principal.zebra == 1"))]).diagnostics

    assert found.help is not None
    assert found.help.endswith("a18, a19 and 10 more")


def test_a_long_condition_is_cut_in_the_message() -> None:
    (found,) = load_sources([Source("a.pdp", WORLD + rule(0, " and ".join(["1 == 1"] * 500)))]).diagnostics

    assert found.code == "constant_condition"
    assert len(found.message) < 200
