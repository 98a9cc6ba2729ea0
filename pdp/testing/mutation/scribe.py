"""Tests to add, as text that was read again: what is shown checks, passes on the policy, and fails on the mutant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pdp import terms
from pdp.checker.cases import CaseChecker
from pdp.checker.names import Names, collect
from pdp.checker.report import Report
from pdp.classes import dataclass
from pdp.entities import Store
from pdp.source import Source
from pdp.syntax.parser import parse
from pdp.syntax.tree import TestDecl
from pdp.testing.mutation.mutants import Mutant
from pdp.testing.mutation.telling import Told
from pdp.testing.mutation.worlds import World
from pdp.testing.mutation.writing import Unspeakable, Writer
from pdp.testing.runner import Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A test to add, and the file in whose words it is written."""

    file: str
    text: str


class Scribe:
    """Writes tests of one policy; `sources` are its texts."""

    def __init__(self, policy: terms.Policy, sources: Sequence[Source]) -> None:
        self._policy = policy
        files = sorted(
            (parse(source)[0] for source in sources if source.path.endswith(".pdp")), key=lambda file: file.source.path
        )
        self._world = collect(files, Report())
        self._names = {file.source.path: self._world.names(file) for file in files}
        self._runner = Runner(policy, Store.empty())

    def tell(self, mutant: Mutant, told: Told, name: str) -> Written | None:
        """Return the test that notices a mutant, or None where no file has words for it, or it does not do so."""
        for file, text in self.texts(
            mutant.span.source.path if mutant.span else "", name, [(told.world, told.expectation)]
        ):
            test = self.read(file, text)
            if test is None or not self.passes(test):
                continue
            mutated = Runner(mutant.of(self._policy), Store.empty())
            if not all(result.passed for result in mutated.run([mutant.test(test)])):
                return Written(file=file, text=text)
        return None

    def texts(
        self, first: str, name: str, worlds: Sequence[tuple[World, terms.Expectation]], note: str = ""
    ) -> Iterator[tuple[str, str]]:
        """Yield a test in the words of each file that has them, of one file before the others."""
        for file in sorted(self._names, key=lambda file: (file != first, file)):
            try:
                yield file, Writer(self._names[file]).test(name, worlds, note)
            except Unspeakable:
                continue

    def read(self, file: str, text: str) -> terms.Test | None:
        """Return a test as it would be read at the end of a file; None where anything is wrong with it."""
        found, wrong = parse(Source(file, text))
        report = Report()
        names: Names = self._names[file]
        checker = CaseChecker(self._world, self._policy.schema, report, names)
        tests = [checker.check(decl) for decl in found.declarations if isinstance(decl, TestDecl)]
        return None if wrong or report.found() or len(tests) != 1 else tests[0]

    def passes(self, test: terms.Test) -> bool:
        """Tell whether all that a test expects comes true."""
        return all(result.passed for result in self._runner.run([test]))
