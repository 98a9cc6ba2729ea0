"""From texts to policy and entities by what is kept: of all that has changed, and of nothing else, anew."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgpack

from pdp.cache.forms import Places
from pdp.cache.packs import Pack, digest_of_all, encoded, schema_digest, text_digest, unpack
from pdp.cache.policies import policy_of, read_rules
from pdp.cache.schemas import DIAGNOSTICS, SCHEMA
from pdp.cache.shelf import Shelf
from pdp.cache.stores import read_store
from pdp.classes import dataclass
from pdp.digests import blake2b
from pdp.entities.store import Store
from pdp.errors import Diagnostic
from pdp.source import Source
from pdp.terms import Policy

if TYPE_CHECKING:
    from pdp.build import Built


@dataclass(slots=True, kw_only=True)
class _Found:
    """A policy, what was found on the way, and what has been built of it: None where all of it was kept."""

    policy: Policy | None
    diagnostics: Sequence[Diagnostic]
    built: Built | None = None


def load_kept(
    folder: str, root: str, revision: str, policies: Sequence[Source], data: Sequence[Source]
) -> tuple[Policy | None, Store | None, Sequence[Diagnostic]]:
    """Return what texts that belong together come to, by what `folder` keeps of `root`, and keep what is new."""
    shelf, name = Shelf(folder), blake2b(encoded(root), digest_size=20).hexdigest()
    policies = sorted(policies, key=lambda source: source.path)
    with collector_paused():
        kept = find_kept(shelf, name)
        found = _policy(kept, policies, revision)
        if found.policy is None:
            return None, None, found.diagnostics
        store = _kept_store(kept, found, data)
        wrong: Sequence[Diagnostic] = ()
        if store is None or found.built is not None:
            from pdp.cache import writing

            store, wrong = (store, ()) if store is not None else writing.read_entities(data, found.policy.schema)
            writing.keep(shelf, name, kept, found.policy, found.built, data, store)
    return found.policy, store, [*found.diagnostics, *wrong]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Do something that makes very many objects and no garbage."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def find_kept(shelf: Shelf, name: str) -> Pack | None:
    """Return what is kept under a name, if it is of any use."""
    try:
        data = shelf.read(name)
        return None if data is None else unpack(data)
    except Exception:
        # Whatever is wrong with it, it is as if it were not there.
        return None


def _policy(kept: Pack | None, sources: Sequence[Source], revision: str) -> _Found:
    if kept is not None:
        try:
            found = _unchanged(kept, sources, revision) or _changed(kept, sources, revision)
        except Exception:
            # INVARIANT: what is kept cannot fail a load that goes well without it.
            found = None
        if found is not None:
            return found
    from pdp.build import build

    built = build(sources, revision)
    return _Found(policy=built.checked.policy, diagnostics=built.diagnostics, built=built)


def _unchanged(kept: Pack, sources: Sequence[Source], revision: str) -> _Found | None:
    """Return the policy that is kept, where it was made of these texts."""
    if [(each.path, each.digest) for each in kept.files] != [(each.path, text_digest(each)) for each in sources]:
        return None
    places = Places(sources)
    rules = [rule for each in kept.files for rule in read_rules(each.rules, places)]
    rules += [rule for each in kept.files for rule in read_rules(each.grants, places)]
    schema = SCHEMA.read(msgpack.unpackb(kept.schema), places)
    policy = policy_of(schema, rules, revision, [each.tests for each in kept.files], places)
    return _Found(policy=policy, diagnostics=DIAGNOSTICS.read(msgpack.unpackb(kept.diagnostics), places))


def _changed(kept: Pack, sources: Sequence[Source], revision: str) -> _Found | None:
    """Return the policy of texts of which some are kept, where the others declare for all what they did."""
    from pdp.cache import writing

    built = writing.rebuild_changed(kept, sources, revision)
    if built is None:
        return None
    return _Found(policy=built.checked.policy, diagnostics=built.diagnostics, built=built)


def _kept_store(kept: Pack | None, found: _Found, data: Sequence[Source]) -> Store | None:
    """Return the entities that are kept, where they were read from these texts, by this schema."""
    if kept is None or not kept.entities or found.policy is None:
        return None
    entities = kept.entities[0]
    try:
        if found.built is not None and entities.schema != schema_digest(found.policy.schema):
            return None
        return read_store(entities.nodes, entities.revision) if entities.digest == digest_of_all(data) else None
    except Exception:
        return None
