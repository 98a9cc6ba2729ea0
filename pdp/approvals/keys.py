"""Whose keys are whose: a file under review, as policies are."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pdp.approvals.signing import read_key
from pdp.classes import dataclass, field, replace
from pdp.conform import Mismatch, read_ref
from pdp.conform.mismatch import clip, misplaced, near
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

if TYPE_CHECKING:
    from pdp.approvals.events import Event

MAX_KEYS: Final = 4 * 2**20
"""The size of a file of keys, in bytes."""

_LAYOUT: Final = 'write `{"User:grace": ["ed25519:…"], …}`, with the lines that `pdp key new` prints'
_VOUCHES: Final = 'write `{"key": "ed25519:…", "may_vouch": {"User": ["https://login.example.com"]}}`'
_ADVICE: Final = Advice(empty="write `{}` where nobody has a key", comment="remove it")


@dataclass(frozen=True, slots=True)
class Recorder:
    """A service that vouches for others with its key: for principals of these types, by tokens of these issuers."""

    owner: EntityRef
    may_vouch: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Keys:
    """Who holds which key, and which keys vouch for others. `revision` tells one file from another."""

    owners: Mapping[str, EntityRef]
    revision: bytes
    recorders: Mapping[str, Recorder] = field(default_factory=dict)

    def refusal(self, event: Event) -> str | None:
        """Return why an event is not that of whom it names, by the key that it is signed with; None where it is."""
        vouched = event.vouched
        if vouched is None:
            return None if self.owners.get(event.key) == event.by else f"the key is not registered for {event.by}"
        recorder = self.recorders.get(event.key)
        if recorder is None:
            return f"the key may not vouch for {event.by}, nor for anybody else"
        if vouched.issuer not in recorder.may_vouch.get(event.by.type, ()):
            return f"{recorder.owner} may not vouch for {event.by} by a token of {vouched.issuer}"
        if event.at.micros >= vouched.until.micros:
            return f"the token of {event.by} counted no more"
        return None

    @classmethod
    def load(cls, path: str | os.PathLike[str], schema: Schema | None = None) -> Keys:
        """Read `{"User:grace": ["ed25519:…"], …}`; raise FactsError with all that is wrong with it.

        In the place of a key may stand `{"key": "ed25519:…", "may_vouch": {"User": ["https://login.example.com"]}}`.

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
        reader = _Reader(source, schema, report)
        reader.read()
        if report.faults:
            raise FactsError(diagnostics([source], [report], _located))
        revision = blake2b(source.text.encode(), digest_size=16).digest()
        return cls(reader.owners, revision, reader.recorders)


def _located(source: Source, places: Collection[Place]) -> Ranges:
    return jsonfile.locate(body(source), source, places)


class _Reader:
    """Reads a file, and reports what is wrong with it."""

    def __init__(self, source: Source, schema: Schema | None, report: Report) -> None:
        self._source, self._schema, self._report = source, schema, report
        self.owners: dict[str, EntityRef] = {}
        self.recorders: dict[str, Recorder] = {}

    def read(self) -> None:
        report = self._report
        data = jsonfile.decode(body(self._source), report, _ADVICE) if check_text(self._source, report) else None
        if report.faults:
            return
        if not isinstance(data, dict):
            report.wrong(misplaced("the keys of each by their name", data, _LAYOUT), ())
            return
        for name, keys in data.items():
            ref = self._owner(name)
            try:
                for at, key in enumerate(_listed(keys)):
                    if ref is not None:
                        self._take(key, ref, (name, at))
            except Mismatch as wrong:
                report.wrong(wrong, (name,))

    def _owner(self, name: str) -> EntityRef | None:
        try:
            if self._schema is not None:
                read_ref(name, self._schema)
            return read_ref(name)
        except ValueError as error:
            message, _, help_ = str(error).partition(" (help: ")
            place, help_ = Place((name,), key=True), help_.removesuffix(")")
            self._report.add(Fault(code="invalid_reference", message=message, place=place, help=help_ or None))
            return None

    def _take(self, given: Any, ref: EntityRef, path: tuple[str, int]) -> None:
        try:
            key = _key(given["key"] if isinstance(given, dict) and "key" in given else given)
            if key in self.owners or key in self.recorders:
                # INVARIANT: of a signature there is one person who can have made it.
                held = self.owners[key] if key in self.owners else self.recorders[key].owner
                whose = f"{held} has this key already" if held != ref else "this key stands twice"
                raise Mismatch("shared_key", whose, "each has a key of their own: `pdp key new` makes one")
            if isinstance(given, dict):
                # INVARIANT: a key that vouches for others signs nothing in the name of who holds it.
                self.recorders[key] = Recorder(ref, _may_vouch(given, self._schema))
            else:
                self.owners[key] = ref
        except Mismatch as wrong:
            self._report.wrong(wrong, path)


def _listed(keys: Any) -> Iterator[Any]:
    if not isinstance(keys, list):
        raise misplaced("a list of keys", keys, _LAYOUT)
    return iter(keys)


def _key(given: Any) -> str:
    if not isinstance(given, str):
        raise misplaced("a key in quotes", given, _LAYOUT)
    try:
        read_key(given)
    except ValueError:
        message = f"`{clip(given)}` is no public key of Ed25519"
        raise Mismatch("invalid_key", message, "`pdp key show` prints the one of a file") from None
    return given


def _may_vouch(given: dict[str, Any], schema: Schema | None) -> dict[str, frozenset[str]]:
    """Return for whom a key vouches; raise Mismatch."""
    for name in given:
        if name not in ("key", "may_vouch"):
            help_ = near(name, ("key", "may_vouch")) or _VOUCHES
            raise Mismatch("unknown_key", f"a key that vouches has no `{clip(name)}`", help_, (name,))
    if "may_vouch" not in given:
        raise Mismatch("missing_key", "a key that vouches says for whom", _VOUCHES)
    types = given["may_vouch"]
    if not isinstance(types, dict) or not types:
        raise misplaced("the issuers by the type of principal", types, _VOUCHES)
    return {name: _issuers(name, issuers, schema) for name, issuers in types.items()}


def _issuers(name: str, issuers: Any, schema: Schema | None) -> frozenset[str]:
    if schema is not None and not schema.open and schema.resolve(name) not in schema.entities:
        help_ = near(name, schema.entities)
        raise Mismatch("unknown_type", f"there is no type `{clip(name)}`", help_, ("may_vouch", name))
    if not isinstance(issuers, list) or not issuers or not all(isinstance(each, str) and each for each in issuers):
        raise misplaced("a list of issuers", issuers, _VOUCHES).under("may_vouch", name)
    return frozenset(issuers)
