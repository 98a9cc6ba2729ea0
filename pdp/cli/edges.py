"""Tests at the edges of conditions, written by `pdp test --write-cases` for a person to read."""

from __future__ import annotations

from pathlib import Path

from pdp.cli.commands import Options, Refusal, Status
from pdp.cli.coverage import write_file
from pdp.cli.terminal import emit, plain, say
from pdp.testing.mutation.boundaries import boundary_cases
from pdp.testing.suites import Suite


def write_cases(suite: Suite, path: str, options: Options) -> Status:
    """Write the cases that a suite lacks, a file for each namespace; raise Refusal where that cannot be."""
    if suite.policy.schema.is_cedar:
        raise Refusal("invalid_usage", "`--write-cases` writes `test` blocks, and policies of Cedar have none")
    if Path(path).suffix != ".pdp":
        help_ = "name one that does not exist yet, such as `policies/edges.pdp`"
        raise Refusal("invalid_usage", f"`{path}` is no file of policies: its name ends in `.pdp`", help=help_)
    texts = boundary_cases(suite)
    files = {_named(path, namespace, alone=len(texts) == 1): text for namespace, text in texts.items()}
    for file in files:
        if Path(file).exists():
            raise Refusal("file_exists", f"`{file}` is there already", help="name another file: nothing is overwritten")
    for file, text in files.items():
        write_file(file, text)
    if options.json:
        emit({"files": [*files], "tests": sum(text.count("\ntest ") for text in files.values())})
    elif not files:
        say("nothing is written: the tests have a case at each edge that was looked at")
    for file, text in () if options.json else files.items():
        say(f"wrote {plain(file)}: {text.count(chr(10) + 'test ')} tests of what is answered today")
    if files and not options.json:
        say("  read them: they say what the policies do, and not what they should do")
    return Status.OK


def _named(path: str, namespace: str, *, alone: bool) -> str:
    if alone or not namespace:
        return path
    place = Path(path)
    return str(place.with_name(f"{place.stem}.{namespace}{place.suffix}"))
