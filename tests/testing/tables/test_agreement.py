"""One set of requests, written as a `test` block, as a table in YAML and in CSV, comes out the same."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pdp.testing.runner import Runner
from tests.testing.tables.worlds import WORLD, policy_of, read, run, told

COLUMNS = [
    *("test", "principal", "action", "resource", "decision", "by", "errs", "needs", "oblige", "until", "at"),
    *("session.mfa", "context.count"),
]
RULES = ["staff_read", "staff_deploy"]
TIMES = ["2026-01-01T00:00:00Z", "2026-05-01T00:00:00Z", "2026-06-30T23:59:59Z", "2026-07-01T00:00:00Z"]
GIVEN = """  given User "ada" in Group "staff" until 2026-07-01 { level: 3 }
        User "ben" { level: 1 }
        Service "api" { env: dev }
        Service "pay" { env: prod }
        grant viewer on Service "pay" to User "ben" until 2026-06-01
"""
FIXTURES = """
entities:
  - {type: User, id: ada, in: ['Group "staff" until 2026-07-01'], attributes: {level: 3}}
  - {type: User, id: ben, attributes: {level: 1}}
  - {type: Service, id: api, attributes: {env: dev}}
  - {type: Service, id: pay, attributes: {env: prod}}
grants: [{role: viewer, on: Service:pay, to: User:ben, until: 2026-06-01}]
"""

cells = st.fixed_dictionaries(
    {
        "principal": st.sampled_from(["ada", "ben"]),
        "action": st.sampled_from(["read", "deploy"]),
        "resource": st.sampled_from(["api", "pay"]),
        "decision": st.sampled_from(["allow", "deny"]),
        "at": st.sampled_from(TIMES),
    },
    optional={
        "by": st.lists(st.sampled_from([*RULES, "viewer"]), unique=True, max_size=2),
        "errs": st.lists(st.sampled_from(RULES), unique=True, max_size=2),
        "needs": st.lists(st.sampled_from(["sign in again", "a; b"]), unique=True, max_size=2),
        "oblige": st.lists(st.just("notify"), max_size=1),
        "until": st.sampled_from(TIMES),
        "mfa": st.booleans(),
        "count": st.integers(-3, 3),
    },
)
tables = st.lists(cells, min_size=1, max_size=6, unique_by=lambda each: json.dumps([each.get(key) for key in _ASKED]))
_ASKED = ("principal", "action", "resource", "at", "mfa", "count")


def block(rows: list[dict[str, Any]]) -> str:
    lines = [f'test "t":\n{GIVEN}']
    for row in rows:
        lines.append(f"  at {row['at']}\n")
        line = f'  expect {row["decision"]} User "{row["principal"]}" to {row["action"]} on Service "{row["resource"]}"'
        if "count" in row:
            line += f" with {{ count: {row['count']} }}"
        if "mfa" in row:
            line += f" as {{ mfa: {str(row['mfa']).lower()} }}"
        for key, none in (("by", "default"), ("errs", "nothing")):
            if key in row:
                line += f" {key} {', '.join(row[key]) or none}"
        if "needs" in row:
            line += f" needs {', '.join(map(json.dumps, row['needs'])) or 'nothing'}"
        if "oblige" in row:
            line += f" oblige {', '.join(row['oblige']) or 'nothing'}"
        if "until" in row:
            line += f" until {row['until']}"
        lines.append(f"{line}\n")
    return "".join(lines)


def book(rows: list[dict[str, Any]]) -> str:
    tests = []
    for number, row in enumerate(rows):
        cell = {key: row[key] for key in ("decision", "by", "errs", "needs", "oblige", "until", "at") if key in row}
        if "mfa" in row:
            cell["session"] = {"mfa": row["mfa"]}
        if "count" in row:
            cell["context"] = {"count": row["count"]}
        where = {f"User:{row['principal']}": {row["action"]: {f"Service:{row['resource']}": cell}}}
        tests.append({"name": f"t{number}", "expect": where})
    return json.dumps({"tests": tests})


def listed(texts: list[str] | None, none: str) -> str:
    if texts is None:
        return ""
    return "; ".join(f'"{text}"' if ";" in text else text for text in texts) or none


def sheet(rows: list[dict[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for number, row in enumerate(rows):
        names = [f"t{number}", f"User:{row['principal']}", row["action"], f"Service:{row['resource']}", row["decision"]]
        lists = [
            listed(row.get("by"), "default"),
            *(listed(row.get(key), "nothing") for key in ("errs", "needs", "oblige")),
        ]
        mfa = str(row["mfa"]).lower() if "mfa" in row else ""
        writer.writerow([*names, *lists, row.get("until", ""), row["at"], mfa, row.get("count", "")])
    return file.getvalue()


@settings(deadline=None, max_examples=200)
@given(tables)
def test_a_block_and_a_table_and_rows_come_out_the_same(rows: list[dict[str, Any]]) -> None:
    written = policy_of(WORLD + block(rows))

    expected = told([*Runner(written).run(written.tests)])

    assert told(run(read(book(rows), fixtures=FIXTURES))) == expected
    assert told(run(read(sheet(rows), "t.test.csv", fixtures=FIXTURES))) == expected
