"""A policy folder: which files in it count, and the digest of what they say."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pdp import entities
from pdp.checker import check
from pdp.classes import dataclass
from pdp.entities import Store
from pdp.entities.loading import MAX_FILE
from pdp.errors import Diagnostic, FactsError, PolicyError, Severity
from pdp.source import Source, Span
from pdp.syntax import parse
from pdp.syntax.limits import MAX_FILE_BYTES
from pdp.syntax.reader import read_source
from pdp.syntax.tree import File
from pdp.terms import Policy

MAX_FILES: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a folder holds. `policy` and `store` are None where there is an error."""

    policy: Policy | None
    store: Store | None
    diagnostics: tuple[Diagnostic, ...]
    files: int

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that stop the load."""
        return tuple(each for each in self.diagnostics if each.severity is Severity.ERROR)

    def require(self) -> tuple[Policy, Store]:
        """Return policy and entities; raise PolicyError or FactsError with every diagnostic where there is none."""
        if self.policy is None:
            raise PolicyError(self.diagnostics)
        if self.store is None:
            raise FactsError(self.diagnostics)
        return self.policy, self.store


def load(path: Path | str) -> Loaded:
    """Read and check a folder of policies and entities, or a single `.pdp` file.

    Hidden files and folders are passed over. Policies end in `.pdp`; `pdp.entities.is_entity_file` says which files
    hold entities.
    """
    root = Path(path)
    found, problems = _find(root)
    sources: list[Source] = []
    for file, shown in found:
        # Entities may be many; a policy that long would be a mistake.
        limit = MAX_FILE_BYTES if shown.endswith(".pdp") else MAX_FILE
        source = read_source(file, shown, limit=limit)
        if isinstance(source, Diagnostic):
            problems.append(source)
        else:
            sources.append(source)
    return load_sources(sources, problems)


def load_sources(sources: Sequence[Source], problems: Sequence[Diagnostic] = ()) -> Loaded:
    """Check texts that belong together; `problems` are what was found before."""
    diagnostics = list(problems)
    policies = [source for source in sources if source.path.endswith(".pdp")]
    data = [source for source in sources if not source.path.endswith(".pdp")]
    files: list[File] = []
    for source in policies:
        file, found = parse(source)
        files.append(file)
        diagnostics += found
    sound = not any(each.severity is Severity.ERROR for each in diagnostics)
    policy, found = check(files, digest(policies))
    # Where a file could not be read, names that it declares seem missing: what the text says is reported first.
    diagnostics += found if sound else [each for each in found if each.code not in _FOLLOW]
    if not sound:
        policy = None
    store: Store | None = None
    if policy is not None:
        store, wrong = entities.load(data, policy.schema)
        diagnostics += wrong
        if any(each.severity is Severity.ERROR for each in wrong):
            store = None
    return Loaded(policy=policy, store=store, diagnostics=tuple(diagnostics), files=len(sources))


_FOLLOW: Final = frozenset(
    {
        "action_does_not_apply",
        "grant_covers_nothing",
        "impossible_membership",
        "impossible_scope",
        "scope_covers_nothing",
        "unknown_action",
        "unknown_define",
        "unknown_group",
        "unknown_import",
        "unknown_name",
        "unknown_namespace",
        "unknown_obligation",
        "unknown_role",
        "unknown_rule",
        "unknown_type",
        "unused_import",
    }
)


def digest(sources: Sequence[Source]) -> str:
    """Return the revision of a set of texts: their paths and contents, whatever order they are in."""
    whole = hashlib.sha256()
    for source in sorted(sources, key=lambda source: source.path):
        for text in (source.path, source.text):
            data = text.encode("utf-8", "surrogatepass")
            whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()[:16]


def _find(root: Path) -> tuple[list[tuple[Path, str]], list[Diagnostic]]:
    if root.is_file():
        if not root.name.endswith(".pdp"):
            return [], [_problem("no_policy", root, "the file is no policy", "a policy ends in `.pdp`")]
        return [(root, root.name)], []
    if not root.is_dir():
        return [], [_problem("no_such_path", root, "there is no such file or folder", "check the path")]
    found: list[tuple[Path, str]] = []
    problems: list[Diagnostic] = []

    def unreadable(error: OSError) -> None:
        # A folder that is passed over could hold a forbid: then nothing is loaded.
        folder = Path(error.filename or root)
        problems.append(_problem("unreadable_folder", folder, "the folder cannot be listed", "check its permissions"))

    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for linked in (Path(folder, name) for name in folders if Path(folder, name).is_symlink()):
            help_ = "put the folder itself there: links are not followed"
            problems.append(_problem("unreadable_folder", linked, "the folder is a link", help_))
        for name in sorted(names):
            file = Path(folder, name)
            shown = file.relative_to(root)
            if not name.startswith(".") and (name.endswith(".pdp") or entities.is_entity_file(shown)):
                found.append((file, shown.as_posix()))
        if len(found) > MAX_FILES:
            return [], [_problem("too_many_files", root, f"the folder holds over {MAX_FILES} files", "split it")]
    if not problems and not any(shown.endswith(".pdp") for _, shown in found):
        help_ = "write one, or start with `pdp init`"
        problems.append(_problem("no_policy", root, "the folder holds no file that ends in `.pdp`", help_))
    return found, problems


def _problem(code: str, path: Path, message: str, help_: str) -> Diagnostic:
    source = Source(str(path), "")
    return Diagnostic(code=code, message=message, span=Span(source, 0, 0), help=help_)
