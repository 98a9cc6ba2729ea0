"""What `Engine.load_cedar` is given, texts or files or data, as sources."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pdp.cedar.loading import load_texts, sorted_out
from pdp.classes import replace
from pdp.entities.files import MAX_FILE
from pdp.errors import Diagnostic, DiagnosticError, FactsError, PolicyError, RequestError
from pdp.folder import read_folder
from pdp.loaded import Loaded
from pdp.model import Entity
from pdp.source import Source
from pdp.syntax.limits import MAX_FILE_BYTES
from pdp.syntax.reader import read_source


def loaded(policies: Any, schema: Any, entities: Any, links: Any) -> tuple[Loaded, list[Entity]]:
    """Return what is given, loaded, and the entities of it that are objects.

    A folder in place of policies holds what is not given.
    """
    sources, problems = _sources_of(policies)
    found = sorted_out(sources)
    objects: list[Entity] = []
    if schema is not None:
        found = replace(found, schemas=(schema_of(schema),))
    if links is not None:
        found = replace(found, links=(links_of(links),))
    if entities is not None:
        source, objects = entities_of(entities)
        found = replace(found, entities=(source,))
    return load_texts(found, problems), objects


def _sources_of(policies: Any) -> tuple[Sequence[Source], Sequence[Diagnostic]]:
    if isinstance(policies, os.PathLike) and Path(policies).is_dir():
        return read_folder(Path(policies))
    return [policies_of(policies)], ()


def policies_of(given: str | Path) -> Source:
    """Return policies: a text, or the path of a file."""
    return _source(given, "policies.cedar", MAX_FILE_BYTES, PolicyError)


def schema_of(given: str | Path | Mapping[str, Any]) -> Source:
    """Return a schema: a text in either form, the path of a file, or the JSON form as data."""
    if isinstance(given, Mapping):
        return Source("schema.cedarschema.json", _json(given, "schema"))
    is_json = isinstance(given, str) and given.lstrip()[:1] == "{"
    return _source(given, f"schema.cedarschema{'.json' if is_json else ''}", MAX_FILE_BYTES, PolicyError)


def links_of(given: str | Path | Iterable[Any]) -> Source:
    """Return the links of templates: a text, the path of a file, or data."""
    if isinstance(given, str | os.PathLike):
        return _source(given, "links.json", MAX_FILE_BYTES, PolicyError)
    return Source("links.json", _json([*given], "links"))


def entities_of(given: str | Path | Iterable[Any]) -> tuple[Source, list[Entity]]:
    """Return entities: a text, the path of a file, or data, as a source; and those that are objects."""
    if isinstance(given, str | os.PathLike):
        return _source(given, "entities.json", MAX_FILE, FactsError), []
    listed = [*given]
    objects = [each for each in listed if isinstance(each, Entity)]
    data = [each for each in listed if not isinstance(each, Entity)]
    return Source("entities.json", _json(data, "entities")), objects


def _json(given: Any, what: str) -> str:
    try:
        return json.dumps(given)
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestError(f"the {what} are no JSON: {error}") from None


def _source(given: object, name: str, limit: int, error: type[DiagnosticError]) -> Source:
    if isinstance(given, str):
        return Source(name, given)
    if not isinstance(given, os.PathLike):
        raise RequestError(f"this is neither a text nor the path of a file: {type(given).__name__}")
    path = Path(given)
    found = read_source(path, path.name, limit=limit)
    if isinstance(found, Diagnostic):
        raise error([found])
    return found
