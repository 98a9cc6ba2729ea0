"""Which files hold entities, by their paths."""

from __future__ import annotations

from os import PathLike, fspath, sep
from typing import Final

MAX_FILE: Final = 64 * 2**20
"""The size of a file of entities, in characters, and in bytes when it is read."""

ENDINGS: Final = (".json", ".yaml", ".yml", ".csv")


def ending(path: str) -> str:
    """Return the ending of a file's name, with its dot; nothing where it has none."""
    name = path.rpartition("/")[2]
    stem, dot, last = name.rpartition(".")
    return f".{last}" if dot and stem and last else ""


def is_entity_file(path: str | PathLike[str]) -> bool:
    """Tell whether a file of a policy folder holds entities, by its path from that folder.

    >>> [is_entity_file(path) for path in ("prod.entities.csv", "entities/a/User.csv", "a.yaml")]
    [True, True, False]
    """
    text = fspath(path).replace(sep, "/")
    found = ending(text)
    if found not in ENDINGS or is_table_file(text) or is_fixtures_file(text):
        return False
    *folders, name = text.split("/")
    stem = name.removesuffix(found)
    return stem == "entities" or stem.endswith(".entities") or "entities" in folders


def is_table_file(path: str | PathLike[str]) -> bool:
    """Tell whether a file of a policy folder holds tables of tests, by its name.

    >>> [is_table_file(path) for path in ("a/shop.test.yaml", "shop.test.csv", "test.yaml", ".test.yaml")]
    [True, True, False, False]
    """
    return _called(path, _TABLES)


def is_fixtures_file(path: str | PathLike[str]) -> bool:
    """Tell whether a file of a policy folder holds what tables of tests share, by its name.

    >>> [is_fixtures_file(path) for path in ("fixtures.yaml", "a/shop.fixtures.yaml", "fixtures.json")]
    [True, True, False]
    """
    name = fspath(path).replace(sep, "/").rpartition("/")[2]
    return name == FIXTURES or _called(name, (f".{FIXTURES}",))


_TABLES: Final = (".test.yaml", ".test.yml", ".test.csv")
FIXTURES: Final = "fixtures.yaml"


def _called(path: str | PathLike[str], endings: tuple[str, ...]) -> bool:
    name = fspath(path).replace(sep, "/").rpartition("/")[2]
    return name.endswith(endings) and name not in endings
