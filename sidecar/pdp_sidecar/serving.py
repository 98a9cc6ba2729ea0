"""`pdp serve`: answer other processes by a folder of policies."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

from pdp.cli.commands import Command, Options, Refusal, Status, not_installed

if TYPE_CHECKING:
    from pdp.loaded import Loaded
    from pdp_sidecar.config import Configuration, Flags
    from pdp_sidecar.parts import Ground

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
@click.option("--insecure", is_flag=True, help="Allow ports without TLS, and anyone there to ask.")
@click.option("--check", is_flag=True, help="Check configuration and policies, say what they come to, and end.")
@click.pass_obj
def command(options: Options, /, path: str | None, check: bool, **given: Any) -> int:
    """Serve, and return when that has ended."""
    try:
        # It says on standard error what is told here with what helps.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        from pdp_sidecar.config import ConfigurationError, load
    except ImportError:
        raise not_installed("serve") from None
    try:
        configuration = load(_flags(path, given))
    except ConfigurationError as error:
        message = "the configuration does not hold up"
        raise Refusal("invalid_configuration", message, diagnostics=error.diagnostics) from None
    return _check(options, configuration) if check else _serve(options, configuration)


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
    from pdp.cli.terminal import emit, say
    from pdp.folder import load
    from pdp.syntax.messages import render_all

    loaded = load(configuration.policies, validate=True)
    _require(loaded, configuration)
    found = {
        "policies": configuration.policies,
        "rules": len(loaded.policy.rules) if loaded.policy is not None else 0,
        "revision": loaded.policy.revision if loaded.policy is not None else "",
        "listeners": [_told(each) for each in configuration.listeners],
        "workers": configuration.options.workers.count,
    }
    if options.json:
        emit({"ok": True, **found, "diagnostics": [each.to_json() for each in loaded.diagnostics]})
        return Status.OK
    terminal = options.terminal()
    if loaded.diagnostics:
        say(render_all(loaded.diagnostics, color=terminal.color))
    say(f"{terminal.paint('ok', 'allow')}: {_sentence(found)}")
    for each in configuration.listeners:
        say(_line(each))
    return Status.OK


def _require(loaded: Loaded, configuration: Configuration) -> None:
    """End where the policies do not hold up, with all that `pdp check` would say of them."""
    from pdp.cli.check import place

    place(loaded.diagnostics, configuration.policies)
    if loaded.errors:
        raise _unsound(loaded.diagnostics)


def _unsound(diagnostics: Any) -> Refusal:
    return Refusal("not_loaded", "the policy folder does not load", diagnostics=diagnostics)


# ------------------------------------------------------------------------------------------------------------ serve


def _serve(options: Options, configuration: Configuration) -> int:
    from pdp.cli.check import place
    from pdp.errors import DiagnosticError, RecordError
    from pdp_sidecar.sockets import SocketError
    from pdp_sidecar.worker import Worker, run

    try:
        worker = Worker(configuration)
        return run(worker, lambda ground: _announce(options, ground))
    except DiagnosticError as error:
        place(error.diagnostics, configuration.policies)
        raise _unsound(error.diagnostics) from None
    except SocketError as error:
        raise Refusal("no_socket", error.message, help=error.help) from None
    except RecordError as error:
        from pdp.cli.entities import split_help

        message, help_ = split_help(str(error))
        if "no such record" in message:
            help_ = "`pdp revoke` begins one; or `create = true` in the section `[facts]`"
        raise Refusal("no_record", message, help=help_) from None


def _announce(options: Options, ground: Ground) -> None:
    """Say that it is ready, where it listens and by what it answers."""
    import json
    import sys

    from pdp.cli.terminal import say

    policy = ground.engine.policy
    found = {
        "policies": ground.configuration.policies,
        "rules": len(policy.rules),
        "revision": policy.revision,
        "listeners": [_told(each) for each in ground.heard],
        "workers": ground.configuration.options.workers.count,
    }
    if options.json:
        # On one line: whoever waits for it reads until there.
        say(json.dumps({"ready": True, "pid": os.getpid(), **found}))
    else:
        say(f"{options.terminal().paint('ready', 'allow')}: {_sentence(found)}")
        for each in ground.heard:
            say(_line(each))
    sys.stdout.flush()


def _sentence(found: dict[str, Any]) -> str:
    from pdp.cli.terminal import plain

    rules = found["rules"]
    workers = "" if found["workers"] == 1 else f", {found['workers']} workers"
    return (
        f"{rules} rule{'' if rules == 1 else 's'} of {plain(found['policies'])}, revision {found['revision']}{workers}"
    )


def _told(listener: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"protocol": listener.protocol, "address": str(listener.address), "tls": listener.secure}
    return found | ({"mode": f"{listener.mode:04o}"} if listener.address.is_unix else {})


def _line(listener: Any) -> str:
    from pdp.cli.terminal import plain

    how = f"mode {listener.mode:04o}" if listener.address.is_unix else "TLS" if listener.secure else "plaintext"
    return f"  {listener.protocol:<10}  {plain(str(listener.address))}  ({how})"
