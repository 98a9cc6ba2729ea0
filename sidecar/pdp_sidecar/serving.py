"""`pdp serve`: answer other processes by a folder of policies."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

from pdp.cli.commands import Command, Options, Refusal, Status, not_installed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdp.errors import Diagnostic
    from pdp.terms import Policy
    from pdp_sidecar.config import Configuration, Flags
    from pdp_sidecar.config.listening import Listener

_HELP = """Answer other processes, over gRPC and HTTP.

\b
PATH  the policy folder, or one `.pdp` or `.cedar` file; by default what the configuration says

An ADDRESS is `unix:PATH`, `HOST:PORT` or `[HOST]:PORT`. Without any, gRPC and frames (which `pdp.connect` speaks) are
answered at Unix sockets in a folder of your own, that nobody else can connect to. A port needs TLS, or `--insecure`.

What a flag does not say is taken from the environment (PDP_SERVE_LISTEN_GRPC and its like), then from the file, then a
default. Policies are read again when they change. SIGTERM ends it in order, a second one at once.

\b
Exit status:
  0  it was asked to end, and did; with --check, all is sound
  3  the configuration, the policies or an address cannot be used; nothing was answered
  4  something went wrong"""

_EXAMPLES = """
pdp serve policies
pdp serve policies --grpc unix:/run/pdp/grpc.sock --workers 1
pdp serve --config /etc/pdp/serve.toml --check
pdp serve policies --http 127.0.0.1:8181 --insecure
PDP_SERVE_FACTS_REVOCATIONS=/var/lib/pdp/revocations.db pdp serve policies --json
"""

_PROTOCOLS: Final = ("grpc", "http", "frames", "operations")


@click.command(cls=Command, examples=_EXAMPLES, short_help="Answer other processes, over gRPC and HTTP.", help=_HELP)
@click.argument("path", type=click.Path(), required=False)
@click.option("--config", metavar="FILE", help="The configuration, in TOML; without it, no file is read.")
@click.option("--grpc", metavar="ADDRESS", help="Speak gRPC there.")
@click.option("--http", metavar="ADDRESS", help="Speak AuthZEN over HTTP there.")
@click.option("--frames", metavar="ADDRESS", help="Speak frames there: a Unix socket.")
@click.option("--operations", metavar="ADDRESS", help="Tell of health and numbers there, over HTTP.")
@click.option("--workers", metavar="N", type=int, help="How many processes share the ports; by default 1.")
@click.option(
    "--insecure", is_flag=True, help="Allow ports without TLS; where no callers are named, anyone there may ask."
)
@click.option("--check", is_flag=True, help="Check configuration and policies, say what they come to, and end.")
@click.pass_obj
def command(options: Options, /, path: str | None, check: bool, **given: Any) -> int:
    """Serve, and return when that has ended."""
    # What it would say on standard error is told here, with what helps.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        return _run(options, _flags(path, given), check=check)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("opentelemetry"):
            help_ = "install it: `pip install 'pdp-engine[tracing]'`"
            raise Refusal(
                "not_installed", "`operations.tracing` needs packages that are not there", help=help_
            ) from None
        raise not_installed("serve") from None


def _run(options: Options, flags: Flags, *, check: bool) -> int:
    from pdp_sidecar.config import ConfigurationError, load

    try:
        configuration = load(flags)
    except ConfigurationError as error:
        raise _invalid(error.diagnostics) from None
    return _check(options, configuration) if check else _serve(options, configuration, flags)


def _flags(path: str | None, given: dict[str, Any]) -> Flags:
    from pdp_sidecar.config import Flags

    said: dict[tuple[str | int, ...], tuple[str, Any]] = {
        ("policies",): ("PATH", path),
        **{("listen", name): (f"--{name}", given[name]) for name in _PROTOCOLS},
        ("workers", "count"): ("--workers", given["workers"]),
    }
    values = {where: told for where, told in said.items() if told[1] is not None}
    return Flags(file=given["config"], values=values, insecure=given["insecure"])


# ------------------------------------------------------------------------------------------------------------ check


def _check(options: Options, configuration: Configuration) -> int:
    from pdp.cli.check import place
    from pdp.cli.terminal import emit, say
    from pdp.folder import load
    from pdp.syntax.messages import render_all

    loaded = load(configuration.policies, validate=True)
    place(loaded.diagnostics, configuration.policies)
    if loaded.errors:
        raise _unsound(loaded.diagnostics)
    policy, _ = loaded.require()
    _hold(configuration, policy)
    found = _summary(configuration, policy, configuration.listeners)
    if options.json:
        emit({"ok": True, **found, "diagnostics": [each.to_json() for each in loaded.diagnostics]})
        return Status.OK
    terminal = options.terminal()
    if loaded.diagnostics:
        say(render_all(loaded.diagnostics, color=terminal.color))
    say(f"{terminal.paint('ok', 'allow')}: {_sentence(found)}")
    for each in configuration.listeners:
        say(_line(each))
    _warn(options, configuration.listeners)
    return Status.OK


def _unsound(diagnostics: Sequence[Diagnostic]) -> Refusal:
    return Refusal("not_loaded", "the policy folder does not load", diagnostics=diagnostics)


# ------------------------------------------------------------------------------------------------------------ serve


def _serve(options: Options, configuration: Configuration, flags: Flags) -> int:
    from pdp.cli.check import place
    from pdp.errors import DiagnosticError, RecordError
    from pdp_sidecar.sockets import SocketError

    _make_room(options, configuration)
    try:
        several = configuration.options.workers.count > 1
        return _several(options, configuration, flags) if several else _one(options, configuration)
    except DiagnosticError as error:
        place(error.diagnostics, configuration.policies)
        raise _unsound(error.diagnostics) from None
    except (SocketError, RecordError) as error:
        raise _unusable(error) from None


def _make_room(options: Options, configuration: Configuration) -> None:
    from pdp.cli.terminal import note
    from pdp_sidecar.room import make_room, needed

    files = needed(configuration)
    found = make_room(files)
    if found < files:
        help_ = "raise it (`ulimit -Hn`, `LimitNOFILE=`), or let fewer connections in"
        note([f"at most {found} files may be open, and connections alone may take {files}: {help_}"], options.color)


def _one(options: Options, configuration: Configuration) -> int:
    from pdp_sidecar.worker import Worker, run

    worker = Worker(configuration)
    policy = worker.engine.policy
    try:
        _hold(configuration, policy)
    except BaseException:
        worker.close()
        raise
    return run(worker.run(lambda ground: _announce(options, configuration, policy, ground.heard)))


def _several(options: Options, configuration: Configuration, flags: Flags) -> int:
    from pdp.folder import load
    from pdp_sidecar.facts import Records
    from pdp_sidecar.supervising import supervise
    from pdp_sidecar.worker import run

    policy, _ = load(configuration.policies).require()
    _hold(configuration, policy)
    # Each worker opens them for itself: what cannot be opened is told once.
    Records(configuration).close()
    return run(supervise(configuration, flags, lambda heard: _announce(options, configuration, policy, heard)))


def _hold(configuration: Configuration, policy: Policy) -> None:
    """Hold what the configuration says of policies to these."""
    from pdp_sidecar.config import ConfigurationError

    try:
        configuration.check(policy)
    except ConfigurationError as error:
        raise _invalid(error.diagnostics) from None


def _invalid(diagnostics: Sequence[Diagnostic]) -> Refusal:
    return Refusal("invalid_configuration", "the configuration does not hold up", diagnostics=diagnostics)


def _unusable(error: Exception) -> Refusal:
    from pdp.cli.entities import split_help
    from pdp_sidecar.sockets import SocketError

    if isinstance(error, SocketError):
        return Refusal("no_socket", error.message, help=error.help)
    message, help_ = split_help(str(error))
    if "no such record" in message:
        help_ = "`pdp revoke` begins one; or `create = true` in the section `[facts]`"
    return Refusal("no_record", message, help=help_)


def _announce(options: Options, configuration: Configuration, policy: Policy, heard: Sequence[Listener]) -> None:
    """Say that it is ready, where it listens and by what it answers; to systemd as well, where that started it."""
    import json
    import sys

    from pdp.cli.terminal import say
    from pdp_sidecar.operations.notify import READY, notify

    found = _summary(configuration, policy, heard)
    if options.json:
        # On one line: whoever waits for it reads until there.
        say(json.dumps({"ready": True, "pid": os.getpid(), **found}))
    else:
        say(f"{options.terminal().paint('ready', 'allow')}: {_sentence(found)}")
        for each in heard:
            say(_line(each))
        _warn(options, heard)
    sys.stdout.flush()
    notify(READY)


def _warn(options: Options, listeners: Sequence[Listener]) -> None:
    """Say what was allowed, and is seldom meant."""
    from pdp.cli.terminal import note

    open_ = [each for each in listeners if not (each.secure or each.address.is_unix or each.address.is_loopback)]
    told = "nothing encrypts what goes through it: whoever is on the way reads it, and can change it"
    note([f"{each.address} is reached by other machines, and {told}" for each in open_], options.color)


def _summary(configuration: Configuration, policy: Policy, heard: Sequence[Listener]) -> dict[str, Any]:
    return {
        "policies": configuration.policies,
        "rules": len(policy.rules),
        "revision": policy.revision,
        "listeners": [_told(each) for each in heard],
        "workers": configuration.options.workers.count,
    }


def _sentence(found: dict[str, Any]) -> str:
    from pdp.cli.terminal import plain

    rules = found["rules"]
    workers = "" if found["workers"] == 1 else f", {found['workers']} workers"
    return (
        f"{rules} rule{'' if rules == 1 else 's'} of {plain(found['policies'])}, revision {found['revision']}{workers}"
    )


def _told(listener: Listener) -> dict[str, Any]:
    found: dict[str, Any] = {"protocol": listener.protocol, "address": str(listener.address), "tls": listener.secure}
    return found | ({"mode": f"{listener.mode:04o}"} if listener.address.is_unix else {})


def _line(listener: Listener) -> str:
    from pdp.cli.terminal import plain

    how = f"mode {listener.mode:04o}" if listener.address.is_unix else "TLS" if listener.secure else "plaintext"
    return f"  {listener.protocol:<10}  {plain(str(listener.address))}  ({how})"
