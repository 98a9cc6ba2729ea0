"""Policies that others wrote, from the peer data; tests skip where it is absent."""

from __future__ import annotations

import gzip
import json
from functools import cache

from peers import require


@cache
def policies() -> tuple[str, ...]:
    """Return the policies of the corpus and those written by hand, one text for each set."""
    with gzip.open(require("cedar/corpus-sample.jsonl.gz"), "rt", encoding="utf-8") as file:
        found = [json.loads(line)["policies"] for line in file]
    with require("cedar/handwritten.jsonl").open(encoding="utf-8") as file:
        return (*found, *(json.loads(line)["policies"] for line in file))
