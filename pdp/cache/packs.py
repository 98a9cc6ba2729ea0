"""What is kept of one folder: of each file its part of the policy, the schema, and the entities."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Final

import msgpack

from pdp.cache.forms import ANYWHERE, BYTES, NOWHERE, TEXT, Corrupt, packed, several, shape
from pdp.cache.schemas import SCHEMA
from pdp.classes import dataclass
from pdp.digests import blake2b
from pdp.schema import Schema
from pdp.source import Source

FORMAT: Final = 7
FOLDERS: Final = ("", "cache", "cedar", "checker", "conform", "entities", "syntax")
"""Where the modules of this package stand that have a say in what is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """One policy file: the digest of its text, that of what it declares for all, and its part, as data."""

    path: str
    digest: bytes
    interface: bytes
    rules: bytes
    grants: bytes
    tests: bytes
    part: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEntities:
    """The entities, the digest of their files and of the schema that they were read by, and their revision."""

    digest: bytes
    schema: bytes
    nodes: bytes
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Everything that is kept of a folder."""

    compiler: str
    files: tuple[KeptFile, ...]
    schema: bytes
    diagnostics: bytes
    entities: tuple[KeptEntities, ...]


_FILE: Final = shape(
    KeptFile, path=TEXT, digest=BYTES, interface=BYTES, rules=BYTES, grants=BYTES, tests=BYTES, part=BYTES
)
_PACK: Final = shape(
    Pack,
    compiler=TEXT,
    files=several(_FILE),
    schema=BYTES,
    diagnostics=BYTES,
    entities=several(shape(KeptEntities, digest=BYTES, schema=BYTES, nodes=BYTES, revision=TEXT)),
)


def pack(kept: Pack) -> bytes:
    """Return a pack as bytes."""
    return packed(_PACK.write(kept, NOWHERE))


def unpack(data: bytes) -> Pack:
    """Return the pack that bytes hold; raise whatever they raise where they hold none of this compiler."""
    found: Pack = _PACK.read(msgpack.unpackb(data), NOWHERE)
    if found.compiler != compiler():
        raise Corrupt
    return found


def digest_of(parts: Iterable[bytes]) -> bytes:
    """Return a digest of byte strings that tells apart where each ends."""
    whole = blake2b(digest_size=32)
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.digest()


def text_digest(source: Source) -> bytes:
    """Return a digest of a file's path and text."""
    return digest_of((encoded(source.path), encoded(source.text)))


def digest_of_all(sources: Iterable[Source]) -> bytes:
    """Return a digest of files, in whatever order they are."""
    return digest_of(sorted(text_digest(each) for each in sources))


def schema_digest(schema: Schema) -> bytes:
    """Return a digest of what a schema means to entities, wherever it is declared."""
    return digest_of((packed(SCHEMA.write(schema, ANYWHERE)),))


def encoded(text: str) -> bytes:
    """Return a text as bytes, halves of characters included."""
    return text.encode("utf-8", "surrogatepass")


def compiler() -> str:
    """Return what tells one state of this package from another: its files, by size and by when they were put there.

    So does the Python that runs it, which brings the tables of Unicode. Raise OSError where they are no files of their
    own, as in an archive.
    """
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = [str(FORMAT), sys.version]
    for folder in FOLDERS:
        with os.scandir(os.path.join(home, folder)) as entries:
            # Whatever they end in: a package may be installed without its sources.
            modules = [(entry.path, entry.stat()) for entry in entries if not entry.is_dir()]
        # The time of a file's content can be set by whoever installs it, that of its last change cannot.
        found += sorted(f"{path} {each.st_size} {each.st_mtime_ns} {each.st_ctime_ns}" for path, each in modules)
    return digest_of(map(encoded, found)).hex()
