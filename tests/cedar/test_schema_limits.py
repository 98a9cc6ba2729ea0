"""A schema that is too large, too deep or too tangled is a diagnostic, and soon."""

# ruff: noqa: E501
from __future__ import annotations

import time

import pytest

from pdp.cedar.schemas import load_schema
from pdp.source import Source

DOUBLING = "".join(f"type T{n} = {{ a: T{n - 1}, b: T{n - 1} }}; " for n in range(1, 40))
CHAIN = "".join(f"type T{n} = {{ a: T{n - 1} }}; " for n in range(1, 100))
JSON = '{"": {"entityTypes": {"A": {"shape": %s}}, "actions": {}}}'
NESTED = '{"type": "Record", "attributes": {"a": ' * 40 + '{"type": "Long"}' + "}}" * 40
SET = '{"type": "Set", "element": '
ATTACKS = {
    "a hundred thousand nested sets": ("s.cedarschema", "type T = " + "Set<" * 100_000, "nested_too_deep"),
    "a hundred thousand nested records": ("s.cedarschema", "type T = " + "{a:" * 100_000, "nested_too_deep"),
    "fifty thousand nested namespaces": ("s.cedarschema", "namespace N {\n" * 50_000, "unexpected_token"),
    "a hundred thousand brackets": ("s.cedarschema", "}" * 100_000, "unexpected_token"),
    "a hundred thousand annotations": ("s.cedarschema", "@a " * 100_000, "duplicate_annotation"),
    "a type that doubles": ("s.cedarschema", f"type T0 = Long; {DOUBLING} entity A = {{ x: T39 }};", "schema_too_large"),
    "a type that is used very often": (
        "s.cedarschema",
        "type T = {" + "".join(f"a{n}: Long, " for n in range(1000)) + "};"
        + "".join(f"entity A{n} tags T; " for n in range(2000)),
        "schema_too_large",
    ),
    "a chain of records": ("s.cedarschema", f"type T0 = Long; {CHAIN}", "nested_too_deep"),
    "twenty thousand cycles": ("s.cedarschema", "".join(f"type T{n} = T{n}; " for n in range(20_000)), "cyclic_types"),
    "a cycle of twenty thousand": (
        "s.cedarschema", "type T0 = T19999; " + "".join(f"type T{n} = T{n - 1}; " for n in range(1, 20_000)),
        "cyclic_types",
    ),
    "twenty thousand unknown names": (
        "s.cedarschema", "".join(f"entity A{n} in B{n}; " for n in range(20_000)), "unknown_type",
    ),
    "a string of a megabyte": ("s.cedarschema", 'action "' + "a" * 1_000_000 + '";', "string_too_long"),
    "nine megabytes": ("s.cedarschema", " " * 9_000_000, "file_too_large"),
    "three million signs": ("s.cedarschema", ";" * 3_000_000, "too_many_tokens"),
    "a hundred thousand odd characters": ("s.cedarschema", "%" * 100_000, "unexpected_character"),
    "a million nested lists": ("s.json", "[" * 1_000_000, "data_too_deep"),
    "a hundred nested sets in JSON": (
        "s.json", JSON % (SET * 100 + '{"type": "Long"}' + "}" * 100), "nested_too_deep",
    ),
    "twenty thousand unknown types in JSON": (
        "s.json",
        JSON % ('{"type": "Record", "attributes": {' + ", ".join(f'"a{n}": {{"type": "B"}}' for n in range(20_000)) + "}}"),
        "unknown_type",
    ),
    "half a character": ("s.cedarschema", 'action "\ud800";', "lone_surrogate"),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_a_diagnostic(name: str) -> None:
    path, text, code = ATTACKS[name]
    begun = time.process_time()

    schema, found = load_schema(Source(path, text))

    assert schema is None
    assert code in {each.code for each in found}
    assert len(found) <= 51
    assert time.process_time() - begun < 30


def test_forty_levels_are_no_attack() -> None:
    assert load_schema(Source("s.json", JSON % NESTED))[1] == []


def test_a_chain_of_twenty_thousand_names_is_no_attack() -> None:
    text = "type T0 = Long; " + "".join(f"type T{n} = T{n - 1}; " for n in range(1, 20_000))

    assert load_schema(Source("s.cedarschema", text))[1] == []
