"""What is not kept as it is: a load that checks what has changed, and what is kept of it for the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pdp.build import Built, read_entities, rebuild
from pdp.cache import declarations, parts
from pdp.cache.forms import Places, packed
from pdp.cache.packs import KeptEntities, KeptFile, Pack, compiler, digest_of_all, pack, schema_digest, text_digest
from pdp.cache.schemas import DIAGNOSTICS, SCHEMA
from pdp.cache.shelf import Shelf
from pdp.cache.stores import write_store
from pdp.entities.store import Store
from pdp.source import Source
from pdp.syntax import parse, tree
from pdp.terms import Policy

__all__ = ["keep", "read_entities", "rebuild_changed"]


def rebuild_changed(kept: Pack, sources: Sequence[Source], revision: str) -> Built | None:
    """Parse and check the files that have changed; None where that could change what others come to."""
    if [each.path for each in kept.files] != [each.path for each in sources]:
        return None
    pairs = [*zip(kept.files, sources, strict=True)]
    files = _reparsed(pairs)
    if files is None:
        return None
    places = Places(sources)
    known = [parts.restore(before, source, places) for before, source in pairs if source.path not in files]
    named = _need_names(files, known)
    for each in known:
        file = each.file(named=named)
        if file is None:
            return None
        files[each.source.path] = file
    ordered = [files[source.path] for source in sources]
    built = rebuild(ordered, revision, {each.source.path: each.part for each in known})
    if built is not None and built.checked.policy is not None:
        places.rules = built.checked.policy.rules
    return built


def _reparsed(pairs: Sequence[tuple[KeptFile, Source]]) -> dict[str, tree.File] | None:
    """Parse what has to be checked again; None where it declares something else for all than it did."""
    files: dict[str, tree.File] = {}
    renamed = False
    for before, source in pairs:
        if before.digest != text_digest(source):
            file, wrong = parse(source)
            if wrong or declarations.interface(file) != before.interface:
                return None
            renamed |= {name for name, _, _ in declarations.names_of(file)} != parts.rule_names(before)
            files[source.path] = file
    for before, source in pairs:
        # A test may name any rule of its namespace.
        if renamed and before.tests and source.path not in files:
            files[source.path], _ = parse(source)
    return files


def _need_names(files: Mapping[str, tree.File], known: Sequence[parts.Restored]) -> bool:
    """Tell whether the names of the rules that are known matter to what is checked: mostly they do not.

    They do to a test, which may name any rule, to a rule of the same name, and where namespaces share names already.
    """
    new: set[str] = set()
    for file in files.values():
        if any(isinstance(decl, tree.TestDecl) for decl in file.declarations):
            return True
        new.update(name for name, _, _ in declarations.names_of(file))
    return not all(each.plain and new.isdisjoint(name for name, _, _ in each.names) for each in known)


def keep(
    shelf: Shelf,
    name: str,
    before: Pack | None,
    policy: Policy,
    built: Built | None,
    data: Sequence[Source],
    store: Store | None,
) -> None:
    """Keep a policy and its entities: what is built, and for the rest what was kept before."""
    try:
        kept = _pack(before, policy, built, data, store)
        if kept is not None:
            shelf.write(name, pack(kept))
    except Exception:
        # What cannot be kept, for whatever reason, is made again.
        pass


def _pack(
    before: Pack | None, policy: Policy, built: Built | None, data: Sequence[Source], store: Store | None
) -> Pack | None:
    entities = _entities(before, policy, data, store)
    if built is None:
        return None if before is None else _with_entities(before, entities)
    places = Places([file.source for file in built.files])
    old = {} if before is None else {each.path: each for each in before.files}
    return Pack(
        compiler=compiler(),
        files=tuple([_file(file, built, old.get(file.source.path), places) for file in built.files]),
        schema=packed(SCHEMA.write(policy.schema, places)),
        diagnostics=packed(DIAGNOSTICS.write(built.diagnostics, places)),
        entities=entities,
    )


def _with_entities(before: Pack, entities: tuple[KeptEntities, ...]) -> Pack:
    return Pack(
        compiler=before.compiler,
        files=before.files,
        schema=before.schema,
        diagnostics=before.diagnostics,
        entities=entities,
    )


def _file(file: tree.File, built: Built, old: KeptFile | None, places: Places) -> KeptFile:
    if old is not None and old.path in built.kept:
        return old
    return parts.keep(file, built.checked.parts[file.source.path], places)


def _entities(
    before: Pack | None, policy: Policy, data: Sequence[Source], store: Store | None
) -> tuple[KeptEntities, ...]:
    if store is None:
        return ()
    digest, schema = digest_of_all(data), schema_digest(policy.schema)
    if before is not None and before.entities:
        old = before.entities[0]
        if (old.digest, old.schema) == (digest, schema):
            return before.entities
    return (KeptEntities(digest=digest, schema=schema, nodes=write_store(store), revision=store.revision),)
