"""Whose keys are whose: a file under review, as policies are."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pdp.approvals.signing import read_key
from pdp.classes import dataclass, replace
from pdp.conform import Mismatch, read_ref
from pdp.conform.mismatch import clip, misplaced
from pdp.digests import blake2b
from pdp.entities import jsonfile
from pdp.entities.document import Fault, Place, Ranges, Report
from pdp.entities.jsonfile import Advice
from pdp.entities.loading import body, check_text, diagnostics
from pdp.errors import Diagnostic, FactsError
from pdp.schema import Schema
from pdp.source import Source
from pdp.syntax.reader import read_source
from pdp.values import EntityRef

MAX_KEYS: Final = 4 * 2**20
"""The size of a file of keys, in bytes."""

_LAYOUT: Final = 'write `{"User:grace": ["ed25519:…"], …}`, with the lines that `pdp key new` prints'
_ADVICE: Final = Advice(empty="write `{}` where nobody has a key", comment="remove it")


@dataclass(frozen=True, slots=True)
class Keys:
    """Who holds which key. `revision` tells one file from another."""

    owners: Mapping[str, EntityRef]
    revision: bytes

    @classmethod
    def load(cls, path: str | os.PathLike[str], schema: Schema | None = None) -> Keys:
        """Read `{"User:grace": ["ed25519:…"], …}`; raise FactsError with all that is wrong with it.

        With a schema, the types have to be declared. Names stay as they are written.
        """
        source = read_source(path, os.fspath(path), limit=MAX_KEYS)
        if isinstance(source, Diagnostic):
            help_ = (
                "it says whose signatures count; `pdp key new` prints its lines"
                if source.code == "unreadable_file"
                else source.help
            )
            raise FactsError([replace(source, help=help_)])
        report = Report()
        owners = _read(source, schema, report)
        if report.faults:
            raise FactsError(diagnostics([source], [report], _located))
        return cls(owners, blake2b(source.text.encode(), digest_size=16).digest())


def _located(source: Source, places: Collection[Place]) -> Ranges:
    return jsonfile.locate(body(source), source, places)


def _read(source: Source, schema: Schema | None, report: Report) -> dict[str, EntityRef]:
    data = jsonfile.decode(body(source), report, _ADVICE) if check_text(source, report) else None
    owners: dict[str, EntityRef] = {}
    if report.faults:
        return owners
    if not isinstance(data, dict):
        report.wrong(misplaced("the keys of each by their name", data, _LAYOUT), ())
        return owners
    for name, keys in data.items():
        ref = _owner(name, schema, report)
        try:
            for at, key in enumerate(_listed(keys)):
                if ref is not None:
                    _take(key, ref, owners, (name, at), report)
        except Mismatch as wrong:
            report.wrong(wrong, (name,))
    return owners


def _owner(name: str, schema: Schema | None, report: Report) -> EntityRef | None:
    try:
        if schema is not None:
            read_ref(name, schema)
        return read_ref(name)
    except ValueError as error:
        message, _, help_ = str(error).partition(" (help: ")
        place = Place((name,), key=True)
        report.add(Fault(code="invalid_reference", message=message, place=place, help=help_.removesuffix(")") or None))
        return None


def _listed(keys: Any) -> Iterator[Any]:
    if not isinstance(keys, list):
        raise misplaced("a list of keys", keys, _LAYOUT)
    return iter(keys)


def _take(key: Any, ref: EntityRef, owners: dict[str, EntityRef], path: tuple[str, int], report: Report) -> None:
    try:
        if not isinstance(key, str):
            raise misplaced("a key in quotes", key, _LAYOUT)
        read_key(key)
    except Mismatch as wrong:
        report.wrong(wrong, path)
        return
    except ValueError:
        message = f"`{clip(key)}` is no public key of Ed25519"
        report.wrong(Mismatch("invalid_key", message, "`pdp key show` prints the one of a file"), path)
        return
    if key in owners:
        # INVARIANT: of a signature there is one person who can have made it.
        whose = f"{owners[key]} has this key already" if owners[key] != ref else "this key stands twice"
        report.wrong(Mismatch("shared_key", whose, "each has a key of their own: `pdp key new` makes one"), path)
        return
    owners[key] = ref
