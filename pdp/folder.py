"""A policy folder: which files in it count, and the digest of what they say."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from pdp.entities.files import MAX_FILE, is_entity_file
from pdp.errors import Diagnostic
from pdp.loaded import Loaded, digest
from pdp.source import Source, Span
from pdp.syntax.limits import MAX_FILE_BYTES
from pdp.syntax.reader import read_source

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILES: Final = 100_000


def load(path: Path | str, *, cache: Path | str | None = None, validate: bool = False) -> Loaded:
    """Read and check a folder of policies and entities, or a single `.pdp` file.

    Hidden files and folders are passed over. Policies end in `.pdp`, or in `.cedar` where Cedar's rules hold: no folder
    has both. `pdp.entities.is_entity_file` says which files hold entities. What sound texts come to is kept in the
    folder `cache`, by default the one that `pdp.cache.place` finds; `off` is for none. To load policies of Cedar is not
    to `validate` them: that tells more, and is never kept.
    """
    sources, problems = read_folder(path)
    return load_read(path, sources, problems, cache=cache, validate=validate)


def load_read(
    path: Path | str,
    sources: Sequence[Source],
    problems: Sequence[Diagnostic] = (),
    *,
    cache: Path | str | None = None,
    validate: bool = False,
) -> Loaded:
    """Check what `read_folder` gave for a path, as `load` does."""
    root = _plain(os.fspath(path))
    if validate and _is_cedar(sources):
        from pdp.cedar.checking import check_sources

        return check_sources(sources, digest(sources), problems)
    if problems:
        return load_sources(sources, problems)
    from pdp.cache import place

    kept = place(cache)
    if kept is None:
        return load_sources(sources)
    if _is_cedar(sources):
        from pdp.cedar.keeping import load_kept as load_kept_cedar

        return load_kept_cedar(kept, os.path.realpath(root), digest(sources), sources)
    from pdp.cache.loading import load_kept

    policies, data = _parted(sources)
    policy, store, diagnostics = load_kept(kept, os.path.realpath(root), digest(policies), policies, data)
    return Loaded(policy=policy, store=store, diagnostics=tuple(diagnostics), files=len(sources))


def read_folder(path: Path | str) -> tuple[list[Source], list[Diagnostic]]:
    """Return the texts of a folder, or of a single file, and what is wrong with what cannot be read."""
    found, problems = _find(_plain(os.fspath(path)))
    sources: list[Source] = []
    for file, shown in found:
        # Entities may be many; a policy that long would be a mistake.
        limit = MAX_FILE if is_entity_file(shown) else MAX_FILE_BYTES
        source = read_source(file, shown, limit=limit)
        if isinstance(source, Diagnostic):
            problems.append(source)
        else:
            sources.append(source)
    return sources, problems


def load_sources(sources: Sequence[Source], problems: Sequence[Diagnostic] = ()) -> Loaded:
    """Check texts that belong together; `problems` are what was found before."""
    if _is_cedar(sources):
        from pdp.cedar.loading import load_sources as load_cedar_sources

        # Where a folder has both, that is reported already.
        cedar = [source for source in sources if not source.path.endswith(".pdp")]
        return load_cedar_sources(cedar, digest(cedar), problems)
    from pdp.build import build, read_entities

    policies, data = _parted(sources)
    built = build(policies, digest(policies), problems)
    diagnostics = list(built.diagnostics)
    policy, store = built.checked.policy, None
    if policy is not None:
        store, wrong = read_entities(data, policy.schema)
        diagnostics += wrong
    return Loaded(policy=policy, store=store, diagnostics=tuple(diagnostics), files=len(sources))


def _is_cedar(sources: Iterable[Source]) -> bool:
    return any(source.path.endswith(".cedar") for source in sources)


def _parted(sources: Sequence[Source]) -> tuple[list[Source], list[Source]]:
    """Return policies and entity files."""
    policies = [source for source in sources if source.path.endswith(".pdp")]
    return policies, [source for source in sources if not source.path.endswith(".pdp")]


def _plain(path: str) -> str:
    """Return a path without a separator at its end."""
    return path.rstrip(os.sep) or path[:1]


def _find(root: str) -> tuple[list[tuple[str, str]], list[Diagnostic]]:
    if not root:
        # An unset variable of a shell must not stand for the folder that one happens to be in.
        return [], [_problem("no_such_path", root, "the path is empty", "`.` is the folder that you are in")]
    if os.path.isfile(root):
        name = os.path.basename(root)
        if not name.endswith(_POLICIES):
            help_ = "a policy ends in `.pdp`, or in `.cedar`"
            return [], [_problem("no_policy", root, "the file is no policy", help_)]
        return [(root, name)], []
    if not os.path.isdir(root):
        return [], [_problem("no_such_path", root, "there is no such file or folder", "check the path")]
    found: list[tuple[str, str]] = []
    problems: list[Diagnostic] = []
    odd: list[str] = []
    for file, shown in walk(root, problems):
        name = os.path.basename(file)
        if name.endswith(_POLICIES) or is_entity_file(shown) or _is_beside_cedar(name):
            found.append((file, shown))
        elif name.lower().endswith(_POLICIES):
            # To pass over what is clearly a policy could lose a forbid.
            ending = name[name.rindex(".") :]
            message = f"the name ends in `{ending}`, and that of a policy in `{ending.lower()}`"
            problems.append(_problem("misnamed_policy", shown, message, "rename the file"))
        elif is_entity_file(shown.lower()) or _is_beside_cedar(name.lower()):
            odd.append(shown)
        if len(found) > MAX_FILES:
            help_ = "split it into several folders"
            return [], [_problem("too_many_files", root, f"the folder holds over {MAX_FILES} files", help_)]
    problems += _problems_of(root, found, odd, sound=not problems)
    if any(each.code == "mixed_policies" for each in problems):
        # What each file says is of no interest before it is clear whose rules hold.
        return [], problems
    if not any(shown.endswith(".cedar") for _, shown in found):
        found = [(file, shown) for file, shown in found if shown.endswith(".pdp") or is_entity_file(shown)]
    return found, problems


def walk(root: str, problems: list[Diagnostic]) -> Iterator[tuple[str, str]]:
    """Yield the files of a folder that are not hidden, each with its path from there; add what cannot be listed."""

    def unreadable(error: OSError) -> None:
        # A folder that is passed over could hold a forbid: then nothing is loaded.
        folder = _shown(str(error.filename or root), root) or "."
        problems.append(_problem("unreadable_folder", folder, "the folder cannot be listed", "check its permissions"))

    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for linked in (os.path.join(folder, name) for name in folders):
            if os.path.islink(linked):
                help_ = "put the folder itself there: links are not followed"
                problems.append(_problem("unreadable_folder", _shown(linked, root), "the folder is a link", help_))
        for name in sorted(names):
            if not name.startswith("."):
                file = os.path.join(folder, name)
                yield file, _shown(file, root)


def _problems_of(
    root: str, found: Sequence[tuple[str, str]], odd: Iterable[str], *, sound: bool
) -> Iterator[Diagnostic]:
    """Yield what is wrong with the files of a folder together; `odd` are those that Cedar's policies need."""
    cedar = [shown for _, shown in found if shown.endswith(".cedar")]
    native = [shown for _, shown in found if shown.endswith(".pdp")]
    if cedar and native:
        # Each set of policies has one meaning: a forbid of Cedar's that fails is skipped, and one of pdp's denies.
        help_ = "put them into folders of their own, or convert one kind with `pdp convert`"
        message = f"`{cedar[0]}` is a policy of Cedar, and `{native[0]}` one of pdp"
        yield _problem("mixed_policies", root, message, help_)
    for shown in odd if cedar else ():
        # A forbid of Cedar's is skipped where a schema, a link or an entity is missing: none is passed over.
        message = "the name is that of a file that is read, but for capital letters"
        yield _problem("misnamed_policy", shown, message, f"call it `{shown.lower()}`")
    if sound and not cedar and not native:
        yield _no_policy(root, [shown for _, shown in found if shown.endswith(_SCHEMAS)])


_POLICIES: Final = (".pdp", ".cedar")
_SCHEMAS: Final = (".cedarschema.json", ".cedarschema")


def _no_policy(root: str, schemas: Sequence[str]) -> Diagnostic:
    if schemas:
        message = f"the folder holds a schema of Cedar, `{schemas[0]}`, and no policy"
        return _problem("no_policy", root, message, "put the policies beside it: they end in `.cedar`")
    message = "the folder holds no file that ends in `.pdp` or `.cedar`"
    return _problem("no_policy", root, message, "write one, or start with `pdp init`")


def _is_beside_cedar(name: str) -> bool:
    """Tell whether a file belongs to policies of Cedar: a schema, or links of templates."""
    return name.endswith((*_SCHEMAS, ".links.json")) or name == "links.json"


def _shown(path: str, root: str) -> str:
    """Return the path of what stands in a folder as messages name it: from the folder on."""
    return path[len(root) :].lstrip(os.sep).replace(os.sep, "/")


def _problem(code: str, path: str, message: str, help_: str) -> Diagnostic:
    from pathlib import Path

    source = Source(str(Path(path)) if path else '""', "")
    return Diagnostic(code=code, message=message, span=Span(source, 0, 0), help=help_)
