"""The pytest plugin: policy tests are collected beside others, and fixtures ask the policies.

`pytest policies/` collects what `pdp test policies` runs, each with a node of its own and the same text where it
fails. A folder is taken for one of policies where it is named on the command line and holds policies itself, or where
the option `pdp_policies` of the configuration names it; the fixtures go by the first of these, or by `policies`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pdp.engine import Engine
    from pdp.entities import Store
    from pdp.model import Decision
    from pdp.terms import Policy
    from pdp.testing.runner import Runner
    from pdp.testing.running import UnitResult
    from pdp.testing.suites import Unit, Unspecified

_POLICIES: Final = (".pdp", ".cedar")
_TABLES: Final = (".yaml", ".yml", ".csv")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of the configuration."""
    parser.addini("pdp_policies", "Policy folders: their tests are collected, fixtures ask the first.", "paths", [])


def pytest_configure(config: pytest.Config) -> None:
    """Find out which folders hold policies."""
    named = [Path(config.invocation_params.dir, _path_of(argument)).resolve() for argument in config.args]
    roots = [_root(path) for path in named if _holds_policies(path if path.is_dir() else path.parent)]
    configured = [Path(path).resolve() for path in config.getini("pdp_policies")]
    config.stash[_FOLDERS] = _Folders([*configured, *roots])


class _Folders:
    """The policy folders of a run; each is read when the first of its files is collected, and once."""

    def __init__(self, roots: Iterable[Path]) -> None:
        self.roots = list(dict.fromkeys(roots))
        self._tests: dict[Path, _Tests] = {}

    def of(self, path: Path) -> Path | None:
        """Return the policy folder that a file stands in."""
        return next((root for root in self.roots if root == path.parent or root in path.parents), None)

    def tests(self, root: Path) -> _Tests:
        """Return what there is to test in a folder."""
        if root not in self._tests:
            self._tests[root] = _Tests(root)
        return self._tests[root]


class _Tests:
    """What there is to test in a folder, by its files, and what runs it."""

    def __init__(self, root: Path) -> None:
        from pdp.testing.suites import collect

        suite = collect(str(root))
        self.runner = suite.runner()
        self.units: defaultdict[str, list[Unit]] = defaultdict(list)
        self.unspecified: defaultdict[str, list[Unspecified]] = defaultdict(list)
        for unit in suite.units():
            self.units[unit.file].append(unit)
        for each in suite.unspecified:
            self.unspecified[each.file].append(each)


_FOLDERS: Final = pytest.StashKey[_Folders]()


def _path_of(argument: str) -> str:
    return argument.partition("::")[0]


def _holds_policies(folder: Path) -> bool:
    return folder.is_dir() and any(path.suffix in _POLICIES for path in folder.iterdir())


def _root(path: Path) -> Path:
    """Return the policy folder that a path belongs to: the highest that holds policies, without a gap below it."""
    found = path if path.is_dir() else path.parent
    while found.parent != found and _holds_policies(found.parent):
        found = found.parent
    return found


# ------------------------------------------------------------------------------------------------------- collecting


@pytest.hookimpl(wrapper=True)
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> Generator[None, bool | None, bool | None]:
    """Look into folders with tests of policies that pytest passes over by their names, such as `build` and `dist`.

    Tests that are passed over pass, and `pdp test` runs these. What is ignored by an option stays ignored.
    """
    ignored = yield
    if ignored and config.stash[_FOLDERS].of(collection_path.resolve()) is not None:
        return None if _is_passed_over(collection_path, config) else ignored
    return ignored


def _is_passed_over(folder: Path, config: pytest.Config) -> bool:
    """Tell whether a folder is ignored for nothing but its name, and has tests of policies."""
    if not folder.is_dir() or folder.name.startswith(".") or (folder / "pyvenv.cfg").exists():
        return False
    meant = config.getoption("ignore", None), config.getoption("ignore_glob", None)
    by_name = any(fnmatchcase(folder.name, pattern) for pattern in config.getini("norecursedirs"))
    return by_name and not any(meant) and any(map(_may_hold_tests, folder.rglob("*")))


def _may_hold_tests(path: Path) -> bool:
    return path.suffix == ".pdp" or (path.suffix in _TABLES and _is_table(path))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the tests of a file of a policy folder."""
    if file_path.name.startswith(".") or not _may_hold_tests(file_path):
        return None
    folders = parent.config.stash[_FOLDERS]
    resolved = file_path.resolve()
    root = folders.of(resolved)
    if root is None:
        return None
    return PolicyFile.from_parent(parent, path=file_path, root=root)


def _is_table(path: Path) -> bool:
    return path.name.removesuffix(path.suffix).endswith(".test")


class PolicyFile(pytest.File):
    """A file with tests of policies."""

    def __init__(self, *, root: Path, **options: Any) -> None:
        super().__init__(**options)
        self.root = root

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the tests of this file."""
        from pdp.errors import DiagnosticError
        from pdp.syntax.messages import render_all

        try:
            tests = self.config.stash[_FOLDERS].tests(self.root)
        except DiagnosticError as error:
            raise self.CollectError(render_all(error.diagnostics)) from None
        file = self.path.resolve().relative_to(self.root).as_posix()
        for unit in tests.units[file]:
            yield PolicyTest.from_parent(self, name=unit.name, runner=tests.runner, unit=unit)
        for each in tests.unspecified[file]:
            yield UnspecifiedRequest.from_parent(self, name=f"{each.test}: {each}", found=each)


class PolicyFailure(Exception):
    """What a policy test expects did not come true; the text is that of `pdp test`."""


class PolicyTest(pytest.Item):
    """A `test` block, or one request of a table."""

    def __init__(self, *, runner: Runner, unit: Unit, **options: Any) -> None:
        super().__init__(**options)
        self.runner = runner
        self.unit = unit

    def runtest(self) -> None:
        """Run the test; raise PolicyFailure where something came out otherwise."""
        from pdp.testing.failure import Failures
        from pdp.testing.running import run_unit

        result: UnitResult = run_unit(self.runner, self.unit)
        if not result.passed:
            raise PolicyFailure("\n\n".join(map(Failures(self.runner).text, result.failures)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the text alone: where in pdp it was raised is of no interest."""
        if isinstance(excinfo.value, PolicyFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Say where the test stands."""
        span = self.unit.cases[0].test.span
        return self.path, None if span is None else span.line - 1, self.name


class UnspecifiedRequest(pytest.Item):
    """A request of a table of which nothing is said: it fails, since nobody decided what is to become of it."""

    def __init__(self, *, found: Unspecified, **options: Any) -> None:
        super().__init__(**options)
        self.found = found

    def runtest(self) -> None:
        """Fail."""
        raise PolicyFailure(f"{self.found.span}: unspecified: {self.found}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the text alone."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Say where the table stands."""
        return self.path, self.found.span.line - 1, self.name


# --------------------------------------------------------------------------------------------------------- fixtures


@pytest.fixture(scope="session")
def pdp_policies(pytestconfig: pytest.Config) -> Path:
    """The policy folder that the fixtures ask. A project may have a fixture of this name of its own."""
    roots = pytestconfig.stash[_FOLDERS].roots
    return roots[0] if roots else Path(pytestconfig.rootpath, "policies")


@pytest.fixture(scope="session")
def _pdp_loaded(pdp_policies: Path) -> tuple[Policy, Store]:
    from pdp.folder import load

    return load(pdp_policies).require()


@pytest.fixture
def pdp_engine(_pdp_loaded: tuple[Policy, Store]) -> Engine:
    """An engine of the policy folder, for one test: what the test changes in it, others do not see.

    It is told that every obligation is handled.
    """
    from pdp.engine import Engine

    policy, store = _pdp_loaded
    return Engine(policy, store, handles=policy.schema.obligations)


@pytest.fixture
def assert_allowed(pdp_engine: Engine) -> Callable[..., Decision]:
    """Assert that `pdp_engine` allows what it is asked, as `Engine.decide` is; `by` are the rules that have to decide.

    Returns the decision. What fails shows the trace.
    """

    def check(*asked: Any, by: Iterable[str] | None = None, **more: Any) -> Decision:
        return _check(pdp_engine, asked, more, allowed=True, by=by)

    return check


@pytest.fixture
def assert_denied(pdp_engine: Engine) -> Callable[..., Decision]:
    """Assert that `pdp_engine` denies what it is asked, as `Engine.decide` is; `by` are the rules that have to forbid.

    `needs` are texts that have to be among the remedies. Returns the decision. What fails shows the trace.
    """

    def check(*asked: Any, by: Iterable[str] | None = None, needs: Iterable[str] = (), **more: Any) -> Decision:
        decision = _check(pdp_engine, asked, more, allowed=False, by=by)
        found = {text for remedy in decision.remedies for text in remedy.texts}
        missing = [text for text in needs if text not in found]
        if missing:
            lack, are = (", ".join(map(repr, texts)) or "nothing" for texts in (missing, sorted(found)))
            pytest.fail(f"the remedies lack {lack}: they are {are}", pytrace=False)
        return decision

    return check


def _check(engine: Engine, asked: Any, more: Any, *, allowed: bool, by: Iterable[str] | None) -> Decision:
    from pdp.model import Request

    request = Request(*asked, **more)
    decision = engine.answer(request)
    wrong = []
    if bool(decision) is not allowed:
        wrong.append(f"expected {'allow' if allowed else 'deny'}, found {decision.outcome} ({decision.reason})")
    wanted = None if by is None else {by} if isinstance(by, str) else set(by)
    if wanted is not None and wanted != set(decision.determining_rules):
        wrong.append(f"expected by {_listed(wanted)}, found by {_listed(decision.determining_rules)}")
    if wrong:
        from pdp.cli.explanation import lines
        from pdp.cli.terminal import Terminal

        trace = lines(engine.explain(request), engine.policy, Terminal(unicode=True))
        pytest.fail("\n".join([*wrong, "", *trace]), pytrace=False)
    return decision


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "default"
