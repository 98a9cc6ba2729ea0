"""Cedar's policies and entities by what is kept of them: whole, where no text has changed, and else anew."""

from __future__ import annotations

from collections.abc import Sequence

import msgpack

from pdp.cache.forms import Places, packed
from pdp.cache.loading import collector_paused, find_kept
from pdp.cache.packs import KeptEntities, KeptFile, Pack, compiler, digest_of_all, encoded, pack
from pdp.cache.policies import policy_of, read_rules, write_rules
from pdp.cache.schemas import DIAGNOSTICS, SCHEMA
from pdp.cache.shelf import Shelf
from pdp.cache.stores import read_store, write_store
from pdp.digests import blake2b
from pdp.loaded import Loaded
from pdp.source import Source
from pdp.terms import Policy


def load_kept(folder: str, root: str, revision: str, sources: Sequence[Source]) -> Loaded:
    """Return what texts that belong together come to, by what `folder` keeps of `root`, and keep what is new."""
    shelf, name = Shelf(folder), blake2b(b"cedar\0" + encoded(root), digest_size=20).hexdigest()
    sources = sorted(sources, key=lambda source: source.path)
    with collector_paused():
        kept = find_kept(shelf, name)
        if kept is not None:
            try:
                return _restored(kept, revision, sources)
            except Exception:
                # INVARIANT: what is kept cannot fail a load that goes well without it.
                pass
        found = _built(sources, revision)
        _keep(shelf, name, found, sources)
    return found


def _built(sources: Sequence[Source], revision: str) -> Loaded:
    from pdp.cedar.loading import load_sources

    return load_sources(sources, revision)


def _places(sources: Sequence[Source]) -> Places:
    return Places(sources, lambda: _built(sources, "").policy)


class _Stale(Exception):
    """That a text is another one than what is kept was made of."""


def _restored(kept: Pack, revision: str, sources: Sequence[Source]) -> Loaded:
    (file,), (entities,) = kept.files, kept.entities
    if file.digest != digest_of_all(sources):
        raise _Stale
    places = _places(sources)
    schema = SCHEMA.read(msgpack.unpackb(kept.schema), places)
    policy = policy_of(schema, read_rules(file.rules, places), revision, (), places)
    return Loaded(
        policy=policy,
        store=read_store(entities.nodes, entities.revision),
        diagnostics=DIAGNOSTICS.read(msgpack.unpackb(kept.diagnostics), places),
        files=len(sources),
    )


def _keep(shelf: Shelf, name: str, found: Loaded, sources: Sequence[Source]) -> None:
    if found.policy is None or found.store is None:
        return
    try:
        shelf.write(name, pack(_pack(found.policy, found, sources)))
    except Exception:
        # What cannot be kept, for whatever reason, is made again.
        pass


def _pack(policy: Policy, found: Loaded, sources: Sequence[Source]) -> Pack:
    places, digest, store = _places(sources), digest_of_all(sources), found.store
    assert store is not None
    rules = write_rules(policy.rules, places)
    return Pack(
        compiler=compiler(),
        # Which action a policy is about can depend on every text.
        files=(KeptFile(path="", digest=digest, interface=b"", rules=rules, grants=b"", tests=b"", part=b""),),
        schema=packed(SCHEMA.write(policy.schema, places)),
        diagnostics=packed(DIAGNOSTICS.write(found.diagnostics, places)),
        entities=(KeptEntities(digest=digest, schema=b"", nodes=write_store(store), revision=store.revision),),
    )
