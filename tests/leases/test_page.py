"""The examples of docs/reverification.md are run."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reverification.md"


def test_the_examples_of_the_page_hold() -> None:
    text = PAGE.read_text(encoding="utf-8")
    examples = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)

    results = doctest.DocTestRunner(verbose=False).run(examples)

    assert results.failed == 0
    assert results.attempted == text.count(">>> ")
