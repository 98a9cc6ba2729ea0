"""The data of Cedar's own corpus: its engine took all of it, with a schema, and so does this."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from pdp.cedar.facts import load_entities
from pdp.cedar.reading import context_reader
from pdp.cedar.schemas import load_schema
from pdp.schema import Action, Schema
from pdp.source import Source
from peers import require

FILES = ("cedar/corpus-sample.jsonl.gz", "cedar/handwritten.jsonl")


def rows(name: str) -> Iterator[dict[str, Any]]:
    place = require(name)
    text = gzip.decompress(place.read_bytes()) if place.suffix == ".gz" else place.read_bytes()
    yield from (json.loads(line) for line in text.splitlines())


def schema_of(row: dict[str, Any]) -> Schema:
    found, diagnostics = load_schema(Source("s.cedarschema", row["schema"]))
    assert found is not None, diagnostics
    return found


def action_of(schema: Schema, given: dict[str, str]) -> Action:
    known = {tuple(each.ref): each for each in schema.actions.values() if each.ref is not None}
    return known[given["type"], given["id"]]


@pytest.mark.parametrize("name", FILES)
def test_the_entities_of_every_row_load_and_every_context_is_read(name: str) -> None:
    entities = contexts = 0
    for row in rows(name):
        schema = schema_of(row)

        store, diagnostics = load_entities([Source("e.json", json.dumps(row["entities"]))], schema)

        assert diagnostics == [], row["name"]
        assert store is not None
        assert len(store) >= len(schema.actions)
        entities += len(store)
        for request in row["requests"]:
            read = context_reader(action_of(schema, request["action"]).context, schema)
            assert read(request["context"]).keys() == request["context"].keys()
            contexts += 1
    assert entities > 0
    assert contexts > 0
