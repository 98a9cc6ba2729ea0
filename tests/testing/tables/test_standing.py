"""A cell that says `standing` means it: a lease that ends is a difference."""

from pdp.folder import load_sources
from pdp.source import Source
from pdp.testing.runner import run
from pdp.testing.tables.reading import read_sources

POLICY = """
type User
type Page
action read on Page by User
rule for_a_year:
  permit User to read on Page
  until 2027-01-01
"""


def _differences(cell):
    policy = load_sources([Source("wiki.pdp", POLICY)]).policy
    table = f"tests: [{{name: reading, expect: {{User:ada: {{read: {{Page:home: {cell}}}}}}}}}]"
    tables = read_sources([Source("wiki.test.yaml", table)], policy)
    (result,) = run(policy, tables.tests)
    return result.differences


def test_a_lease_that_ends_does_not_stand():
    found = _differences("{allow: for_a_year, standing: true}")

    assert found == ("expected no end, found until 2027-01-01T00:00:00Z",)


def test_a_lease_ends_when_it_is_expected_to():
    found = _differences("{allow: for_a_year, until: 2027-01-01}")

    assert found == ()
