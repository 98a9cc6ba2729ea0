"""Ten thousand requests are read and answered in a few seconds."""

from __future__ import annotations

import time

import pytest

from tests.testing.tables.worlds import POLICY, read, run

ENTITIES = "entities:\n" + "".join(
    [f"  - {{type: User, id: u{number}, attributes: {{level: {number % 4}}}}}\n" for number in range(100)]
    + [f"  - {{type: Service, id: s{number}, attributes: {{env: dev}}}}\n" for number in range(50)]
)
PAIRS = [(f"User:u{user}", f"Service:s{service}") for user in range(100) for service in range(50)]
ROWS = "principal,action,resource,decision,by,context.ip\n" + "".join(
    f"{user},{action},{service},deny,default,10.0.0.1\n" for user, service in PAIRS for action in ("read", "deploy")
)
BOOK = "tests:\n  - name: t\n    context: {ip: 10.0.0.1}\n    expect:\n" + "".join(
    f"      {user}:\n" * (service == "Service:s0") + f"        {service}: {{read: {{deny: default}}, deploy: deny}}\n"
    for user, service in PAIRS
)


@pytest.mark.parametrize(("name", "text"), [("t.test.yaml", BOOK), ("t.test.csv", ROWS)])
def test_ten_thousand_requests_take_a_few_seconds(name: str, text: str) -> None:
    start = time.perf_counter()

    results = run(read(text, name, fixtures=ENTITIES), POLICY)

    assert len(results) == 10_000
    assert all(result.passed for result in results)
    # Under a second on the machine of docs/performance.md; the bound is for a busy one.
    assert time.perf_counter() - start < 15
