"""What a file declares for all others, apart from its rules, grants and tests, which nothing else depends on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pdp.cache.packs import digest_of, encoded
from pdp.model import Effect
from pdp.source import Source, Span
from pdp.syntax import parse, tree

_OWN: Final = (tree.RuleDecl, tree.GrantDecl, tree.TestDecl)


def ranges_of(file: tree.File) -> list[list[int]]:
    """Return where the text stands that declares: the head of a file, and each declaration with what is before it."""
    head = [each.span.end for each in (file.namespace, *file.imports) if each is not None]
    last = max(head, default=0)
    found = [[0, last]] if head else []
    for decl in file.declarations:
        if not isinstance(decl, _OWN):
            found.append([last, decl.span.end])
        last = decl.span.end
    return found


def interface(file: tree.File) -> bytes:
    """Return a digest of what other files may depend on, places included: the terms of a define keep them."""
    text = file.source.text
    parts = (f"{start} {end} {text[start:end]}" for start, end in ranges_of(file))
    return digest_of(map(encoded, (file.source.path, *parts)))


def names_of(file: tree.File) -> list[list[Any]]:
    """Return the names of a file's rules, and where they stand."""
    rules = [decl.name for decl in file.declarations if isinstance(decl, tree.RuleDecl)]
    return [[name.text, name.span.start, name.span.end] for name in rules]


def restore(source: Source, ranges: Sequence[Sequence[int]], names: Sequence[Sequence[Any]]) -> tree.File | None:
    """Return a file as its declarations alone, each where it stands; None where that does not parse."""
    bare = tree.File(span=Span(source, 0, len(source.text)), source=source, namespace=None, imports=(), declarations=())
    file = _declared(source, ranges) if ranges else bare
    if file is None:
        return None
    return tree.File(
        span=file.span,
        source=source,
        namespace=file.namespace,
        imports=file.imports,
        declarations=(*file.declarations, *_stubs(source, names)),
    )


def _declared(source: Source, ranges: Sequence[Sequence[int]]) -> tree.File | None:
    whole, pieces, last = source.text, [], 0
    for start, end in [*ranges, [len(whole), len(whole)]]:
        # Blank lines for all else: everything keeps its offset, and its line.
        pieces += ["\n".join([" " * len(line) for line in whole[last:start].split("\n")]), whole[start:end]]
        last = end
    source.text = "".join(pieces)
    try:
        file, wrong = parse(source)
    finally:
        source.text = whole
    return None if wrong else file


def _stubs(source: Source, names: Sequence[Sequence[Any]]) -> Iterator[tree.RuleDecl]:
    """Yield a rule for each name of which there is nothing else."""
    nowhere = Span(source, 0, 0)
    scopes = tree.Scopes(span=nowhere, items=())
    actions = tree.ActionScope(span=nowhere, names=())
    for text, start, end in names:
        name = tree.Ident(text=text, span=Span(source, start, end))
        yield tree.RuleDecl(
            span=nowhere,
            name=name,
            effect=Effect.FORBID,
            principals=scopes,
            actions=actions,
            resources=scopes,
            clauses=(),
        )
