"""What the page about searches shows of Python is what Python shows."""

import doctest
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "search.md"


def test_the_examples_of_the_page_hold():
    results = doctest.testfile(str(PAGE), module_relative=False)

    assert results.attempted > 5
    assert results.failed == 0
