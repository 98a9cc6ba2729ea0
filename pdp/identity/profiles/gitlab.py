"""Tokens of jobs of GitLab CI.

In the pipeline of a merge request from a fork, `project_id` and all else about the project is the fork's.
"""

from __future__ import annotations

from typing import Final

from pdp.identity.claims import Claims, numeric, refuse, text, truth
from pdp.identity.options import IssuerOptions
from pdp.identity.profiles.profile import Profile, hold_absent, needs_one_of

_NUMBERS: Final = ("namespace_id", "project_id", "pipeline_id", "job_id", "user_id")
_NAMED: Final = ("sub", "jti", "pipeline_source", "project_path", "namespace_path", "ref", "ref_type")
_TEXTS: Final = (
    "ci_config_ref_uri",
    "ci_config_sha",
    "deployment_tier",
    "environment",
    "ref_path",
    "runner_environment",
    "sha",
    "user_email",
    "user_login",
)


def _claims(claims: Claims, options: IssuerOptions) -> None:
    hold_absent(claims, ("nonce", "client_id", "scope"))
    for name in _NUMBERS:
        numeric(claims, name)
    for name in _NAMED:
        text(claims, name)
    truth(claims, "ref_protected")
    if "environment_protected" in claims:
        truth(claims, "environment_protected")
    for name in _TEXTS:
        if type(claims.get(name, "")) is not str:
            refuse(f"claim `{name}` is not a text, as it has to be")


def _options(options: IssuerOptions) -> str | None:
    return needs_one_of(options, ("project_id", "namespace_id"))


PROFILE: Final = Profile(kinds=frozenset({"", "jwt"}), claims=_claims, options=_options)
