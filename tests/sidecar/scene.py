"""A small world that tests of the sidecar ask about, and what they ask it with."""

from __future__ import annotations

from typing import Any

import pdp

POLICY = """
type Group
type User in Group { email?: String }
type Page { public: Bool, level: Int }
action read on Page by User
action edit on Page by User with { note?: String, score?: Int }
obligation log { where: String }

rule public_pages_are_read:
  permit User to read on Page
  when resource.public

rule editors_edit:
  permit User in Group "editors" to edit on Page
  when resource.level < 3
  needs session.mfa else "sign in with a second factor"
  oblige log { where: "audit" }

rule nobody_reads_secrets:
  forbid anyone to any on Page
  when resource.level >= 9
  because "secrets stay secret"
"""

ADA, BEN = pdp.ref("User", "ada"), pdp.ref("User", "ben")
HOME, PLAN, SECRET = pdp.ref("Page", "home"), pdp.ref("Page", "plan"), pdp.ref("Page", "secret")
WITH_MFA = {"mfa": True, "methods": ["otp"], "authenticated_at": "2026-11-23T09:00:00Z"}


def entities() -> list[pdp.Entity]:
    return [
        pdp.Entity("Group", "editors"),
        pdp.Entity("User", "ada", {"email": "ada@example.com"}, parents=[pdp.ref("Group", "editors")]),
        pdp.Entity("User", "ben"),
        pdp.Entity("Page", "home", {"public": True, "level": 0}),
        pdp.Entity("Page", "plan", {"public": False, "level": 1}),
        pdp.Entity("Page", "secret", {"public": True, "level": 9}),
    ]


def engine(**options: Any) -> pdp.Engine:
    return pdp.Engine.from_text(POLICY, entities=entities(), **options)
