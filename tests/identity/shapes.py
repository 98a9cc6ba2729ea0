"""Tokens in the exact shape of those who issue them, by what each documents. Times are in seconds since the epoch.

- GitHub: https://docs.github.com/en/actions/reference/security/oidc
- GitLab: https://docs.gitlab.com/ci/secrets/id_token_authentication
- Kubernetes: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin
- SPIFFE: https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md
"""

from __future__ import annotations

from typing import Any

from tests.identity.tokens import token

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.com"
CLUSTER = "https://kubernetes.default.svc.cluster.local"
TRUST_DOMAIN = "spiffe://acme.example"


def _left(claims: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return claims with some changed; those that are None are left out."""
    return {name: value for name, value in (claims | changes).items() if value is not None}


def github_claims(now: int, **changes: Any) -> dict[str, Any]:
    """Return what GitHub says of a job: trunk was pushed. Since July 2026, `sub` of new repositories has numbers."""
    return _left(
        {
            "jti": "b3c1ae0c-8f6e-4f52-9d62-5a1c6ec5d2f1",
            "sub": "repo:acme@65/shop@74:ref:refs/heads/main",
            "aud": "https://deploys.acme.example",
            "ref": "refs/heads/main",
            "sha": "9f2d1c1b6b6f4f0f8a7e1d3c5b7a9e8f0d1c2b3a",
            "repository": "acme/shop",
            "repository_owner": "acme",
            "repository_owner_id": "65",
            "run_id": "17171717",
            "run_number": "10",
            "run_attempt": "1",
            "repository_visibility": "private",
            "repository_id": "74",
            "actor_id": "12",
            "actor": "octocat",
            "workflow": "deploy",
            "head_ref": "",
            "base_ref": "",
            "event_name": "push",
            "ref_protected": "true",
            "ref_type": "branch",
            "workflow_ref": "acme/shop/.github/workflows/release.yml@refs/heads/main",
            "workflow_sha": "9f2d1c1b6b6f4f0f8a7e1d3c5b7a9e8f0d1c2b3a",
            "job_workflow_ref": "acme/release/.github/workflows/deploy.yml@refs/tags/v3",
            "job_workflow_sha": "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
            "runner_environment": "github-hosted",
            "enterprise_id": "2",
            "enterprise": "acme-corp",
            "check_run_id": "90909090",
            "iss": GITHUB,
            "nbf": now - 600,
            "exp": now + 300,
            "iat": now,
        },
        changes,
    )


def github(now: int, **changes: Any) -> str:
    """Return a token of a job of GitHub Actions."""
    return token(github_claims(now, **changes), {"x5t": "eBZ_cn3sXYAd0ch4THBKHIgOwOE"}, name="github")


def gitlab_claims(now: int, **changes: Any) -> dict[str, Any]:
    """Return what GitLab says of a job: a protected tag was pushed."""
    return _left(
        {
            "namespace_id": "72",
            "namespace_path": "acme",
            "project_id": "20",
            "project_path": "acme/shop",
            "user_id": "1",
            "user_login": "ada",
            "user_email": "ada@acme.example",
            "user_access_level": "maintainer",
            "job_project_id": "20",
            "job_project_path": "acme/shop",
            "job_namespace_id": "72",
            "job_namespace_path": "acme",
            "pipeline_id": "574",
            "pipeline_source": "push",
            "job_id": "302",
            "ref": "v1.4.0",
            "ref_type": "tag",
            "ref_path": "refs/tags/v1.4.0",
            "ref_protected": "true",
            "groups_direct": ["acme/release"],
            "runner_id": 1,
            "runner_environment": "gitlab-hosted",
            "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
            "project_visibility": "private",
            "ci_config_ref_uri": "gitlab.com/acme/shop//.gitlab-ci.yml@refs/tags/v1.4.0",
            "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
            "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
            "iat": now,
            "nbf": now - 5,
            "exp": now + 3600,
            "iss": GITLAB,
            "sub": "project_path:acme/shop:ref_type:tag:ref:v1.4.0",
            "aud": "https://packages.acme.example",
        },
        changes,
    )


def gitlab(now: int, **changes: Any) -> str:
    """Return an ID token of a job of GitLab CI."""
    return token(gitlab_claims(now, **changes), name="gitlab")


def kubernetes_claims(now: int, namespace: str = "pay", name: str = "ledger", **changes: Any) -> dict[str, Any]:
    """Return what a cluster says of a pod, in the token of a projected volume."""
    return _left(
        {
            "aud": ["pdp"],
            "exp": now + 3607,
            "iat": now,
            "iss": CLUSTER,
            "jti": "e51f1fbc-4733-4b85-a59f-ba80c0523874",
            "kubernetes.io": {
                "namespace": namespace,
                "node": {"name": "worker-1", "uid": "517eb86e-b863-451b-bf70-86cb61439a3a"},
                "pod": {"name": f"{name}-7d9c", "uid": "0d8b260e-ef0e-45fb-be8e-ff44f97722e8"},
                "serviceaccount": {"name": name, "uid": "e6a8680e-d103-4cce-80ea-03acbbeacf7d"},
                "warnafter": now + 3607,
            },
            "nbf": now,
            "sub": f"system:serviceaccount:{namespace}:{name}",
        },
        changes,
    )


def kubernetes(now: int, **changes: Any) -> str:
    """Return a token of a service account. Its header has no `typ`."""
    return token(kubernetes_claims(now, **changes), {"typ": None}, name="kubernetes")


def svid_claims(now: int, workload: str = "ns/shop/sa/cart", **changes: Any) -> dict[str, Any]:
    """Return what a JWT-SVID says: no more than the standard wants, so that nobody is named as its issuer."""
    return _left(
        {
            "aud": ["spiffe://acme.example/ns/pdp/sa/pdp"],
            "exp": now + 300,
            "iat": now,
            "sub": f"{TRUST_DOMAIN}/{workload}",
        },
        changes,
    )


def svid(now: int, **changes: Any) -> str:
    """Return a JWT-SVID."""
    return token(svid_claims(now, **changes), algorithm="ES256", name="spiffe")
