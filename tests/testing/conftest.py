"""A small policy folder whose tests pass, fail, and tell a story."""

from pathlib import Path

import pytest

from tests.cli.conftest import run

__all__ = ["folder", "run"]

WORLD = """
type Group
type User in Group
type Page { public: Bool, note?: String }
context { ip?: Ip }
action read, edit on Page by User
obligation log { text: String }
role reader on Page: read

rule public_pages:
  permit User to read on Page
  when resource.public

rule editors:
  permit User in Group "editors" to edit on Page
  needs session.mfa else "use a second factor"
  oblige log { text: "edited" }

rule inside:
  forbid User to edit on Page
  unless context has ip and context.ip in 10.0.0.0/8
  because "pages are edited from inside"

rule secret:
  forbid User to read on Page
  when resource.note == "secret"
  because "secrets are secret"
"""

PASSING = """
test "everybody reads what is public":
  given User "ada" Page "home" { public: true, note: "hello" } Page "plan" { public: false, note: "secret" }
  expect allow User "ada" to read on Page "home" by public_pages errs nothing oblige nothing standing
  expect deny User "ada" to read on Page "plan" by secret needs nothing
"""

FAILING = """
test "ada edits":
  given User "ada" in Group "editors" Page "home" { public: true }
  expect allow User "ada" to edit on Page "home" with { ip: 10.1.2.3 } as { mfa: true } by editors oblige log
  expect allow User "ada" to edit on Page "home" with { ip: 192.0.2.1 } as { mfa: true } by editors
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a policy folder of two files, one of whose tests fails."""
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "world.pdp").write_text(WORLD + PASSING)
    (policies / "editing.pdp").write_text(FAILING)
    return policies
