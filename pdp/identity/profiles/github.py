"""Tokens of jobs of GitHub Actions.

Repositories and owners are known by their numbers: names are given to others, and how `sub` is written has changed.
"""

from __future__ import annotations

from typing import Final

from pdp.identity.claims import Claims, numeric, refuse, text, truth
from pdp.identity.options import IssuerOptions
from pdp.identity.profiles.profile import Profile, hold_absent, needs_one_of

_NUMBERS: Final = ("repository_id", "repository_owner_id", "actor_id", "run_id")

# All that a policy could be written about. Some are empty where a job has none of it.
_TEXTS: Final = (
    "actor",
    "base_ref",
    "enterprise",
    "enterprise_id",
    "environment",
    "event_name",
    "head_ref",
    "job_workflow_ref",
    "job_workflow_sha",
    "ref",
    "ref_type",
    "repository",
    "repository_owner",
    "repository_visibility",
    "run_attempt",
    "run_number",
    "runner_environment",
    "sha",
    "workflow",
    "workflow_ref",
    "workflow_sha",
)


def _claims(claims: Claims, options: IssuerOptions) -> None:
    hold_absent(claims, ("nonce", "client_id", "scope"))
    text(claims, "sub")
    for name in _NUMBERS:
        numeric(claims, name)
    truth(claims, "ref_protected")
    for name in _TEXTS:
        if type(claims.get(name, "")) is not str:
            refuse(f"claim `{name}` is not a text, as it has to be")


def _options(options: IssuerOptions) -> str | None:
    return needs_one_of(options, ("repository_id", "repository_owner_id", "enterprise_id"))


PROFILE: Final = Profile(kinds=frozenset({"", "jwt"}), claims=_claims, options=_options)
