"""Access that is asked for, approved by somebody else, worked under, and taken back: one run, from end to end.

    python examples/reverify/demo.py [--pause SECONDS]

Everything is done in a temporary folder, with keys that are made there and go with it. Each step is held to what it has
to come to; the exit status is 0 when each did, and 1 at the first that did not. `--pause` waits before each step.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pdp

HERE = Path(__file__).resolve().parent
ADA, PAY = pdp.ref("User", "ada"), pdp.ref("Service", "pay")
CONTEXT = {"change": "c1"}
ASKED = ("User:ada", "deploy", "Service:pay", "--context", json.dumps(CONTEXT))
ON_RECORD = ("--approvals", "policies.approvals.db", "--revocations", "policies.revocations.db")
BEGUN = 100
"""After so many blocks of work the access is taken back."""

SOON = 1000.0
"""Milliseconds within which work has to stop, on a machine that has much else to do."""

T = TypeVar("T")


class Unexpected(Exception):
    """A step came out otherwise than it has to."""


def expect(holds: bool, what: str) -> None:
    """Raise Unexpected for what does not hold."""
    if not holds:
        raise Unexpected(what)


class Stage:
    """Where the demo is shown, and the folder in which it happens."""

    def __init__(self, folder: Path, pause: float) -> None:
        self.folder, self.pause, self.steps = folder, pause, 0
        self.coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        # What is kept of the policy goes with the folder, too.
        self.environment = {**os.environ, "PDP_CACHE": str(folder / "cache")}

    def painted(self, code: int, text: str) -> str:
        """Return a text in a colour, or bold, or faint, where colours are shown."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.coloured else text

    def step(self, title: str) -> None:
        """Begin a step."""
        time.sleep(self.pause)
        self.steps += 1
        print(f"\n{self.painted(1, f'{self.steps}. {title}')}", flush=True)

    def say(self, text: str) -> None:
        """Show lines of a step."""
        print("\n".join(f"  {line}".rstrip() for line in text.splitlines()), flush=True)

    def took(self, text: str, milliseconds: float) -> None:
        """Show how long something took."""
        self.say(self.painted(2, f"({text}, {milliseconds:.{0 if milliseconds >= 10 else 1}f} ms)"))

    def run(self, wanted: int, *arguments: str) -> str:
        """Run a command of pdp's, show it and its output, and hold its exit status to what it has to be."""
        self.say(f"$ {shlex.join(['pdp', *arguments])}")
        colour = ("--color", "always") if self.coloured else ()
        done, milliseconds = timed(lambda: self.call(*arguments, *colour))
        self.say(done.stdout + done.stderr)
        self.took(f"exit status {done.returncode}; with the start of a process", milliseconds)
        expect(done.returncode == wanted, f"`pdp {arguments[0]}` has to end with exit status {wanted}")
        return done.stdout + done.stderr

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of pdp's with the Python that runs this."""
        command = [sys.executable, "-m", "pdp", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """Return what a call returns, and how many milliseconds it took."""
    began = time.perf_counter()
    found = call()
    return found, (time.perf_counter() - began) * 1e3


# ------------------------------------------------------------------------------------------------------------ the steps


def make_keys(stage: Stage) -> None:
    """Make a key for each of the two, and say whose they are."""
    stage.step("Ada and Grace have a key each: whose is whose stands beside the policies")
    keys = {}
    for name in ("ada", "grace"):
        made = stage.call("key", "new", "--for", f"User:{name}", "--key", f"{name}.pem", "--json")
        expect(made.returncode == 0, f"no key was made: {made.stderr}")
        told = json.loads(made.stdout)
        keys[told["for"]] = [told["key"]]
    (stage.folder / "policies.keys.json").write_text(json.dumps(keys), encoding="utf-8")
    shown = ",\n ".join(f"{json.dumps(who)}: {json.dumps(held)}" for who, held in keys.items())
    stage.say(f"policies.keys.json\n{{{shown}}}")


def ask_for_production(stage: Stage) -> None:
    """Be denied, and told what it would take."""
    stage.step("Ada asks for production: denied, with what is missing")
    shown = stage.run(2, "decide", "policies", *ASKED)
    expect('1 approval of "c1" from Group "release-managers"' in shown, "what is missing has to be told")
    shown = stage.run(2, "trace", "policies", *ASKED)
    expect("approvals = 0" in shown, "the trace has to show that there is no approval")


def ask_for_access(stage: Stage) -> str:
    """Put a signed request on record; return its name."""
    stage.step("So she asks for access, for half an hour, and says why")
    why = ("--for", "30m", "--why", "INC-42: payments are down", "--key", "ada.pem")
    stage.run(0, "request", "policies", *ASKED, *why)
    pending = json.loads(stage.call("pending", "policies", "--json").stdout)
    return str(pending["requests"][0]["id"])


def approve(stage: Stage, name: str) -> None:
    """Let somebody else approve it, since she cannot."""
    stage.step("She cannot approve it herself")
    shown = stage.run(3, "approve", "policies", name, "--key", "ada.pem")
    expect("asked for it, and does not approve it" in shown, "the reason has to be told")
    stage.step("Grace can, and signs it")
    stage.run(0, "approve", "policies", name, "--key", "grace.pem", "--why", "I have seen c1")
    stage.step("Now Ada may, for as long as the approval holds")
    shown = stage.run(0, "trace", "policies", *ASKED, *ON_RECORD[:2])
    expect('approved by User "grace"' in shown, "the trace has to show whose approval it is")
    expect("valid until" in shown, "the trace has to show until when it holds")


def work(stage: Stage) -> None:
    """Work under a lease until it is taken away in the midst of it."""
    stage.step("She deploys under a lease, and her access is revoked in the midst of it")
    store = pdp.ApprovalStore(stage.folder / "policies.approvals.db", keys=stage.folder / "policies.keys.json")
    record = pdp.RevocationLog(stage.folder / "policies.revocations.db", create=True)
    engine = pdp.Engine.load(
        stage.folder / "policies", cache=stage.folder / "cache", approvals=store, revocations=record
    )
    session = {"session_id": "s-42", "authenticated_at": datetime.now(UTC)}
    Deployment(engine, session).run(stage)
    decision, milliseconds = timed(lambda: engine.decide(ADA, "deploy", PAY, CONTEXT, session))
    stage.say(f'$ engine.decide(ada, "deploy", pay, …)\n{decision.outcome} ({decision.reason}): {decision.detail}')
    stage.took("in this process", milliseconds)
    expect(decision.reason == "principal_revoked", "whoever is revoked has to be denied")
    record.close()
    store.close()


class Deployment:
    """Work that goes on until it is stopped, and what happens to it."""

    def __init__(self, engine: pdp.Engine, session: dict[str, Any]) -> None:
        self.engine, self.session = engine, session
        self.blocks = 0
        self.revoked_at = 0.0
        self.happened: list[tuple[float, str]] = []

    def note(self, text: str) -> float:
        """Remember that something happened; return how many milliseconds after the revocation was begun."""
        since = (time.perf_counter() - self.revoked_at) * 1e3
        self.happened.append((since, text))
        return since

    def revoke(self) -> None:
        """Take back all access of Ada's, as whoever is on duty does it."""
        self.revoked_at = time.perf_counter()
        self.note("engine.revoke is called, in another thread")
        number = self.engine.revoke(principal=ADA, why="her laptop is lost")
        self.note(f"engine.revoke has returned: fact {number} is on the disk")

    def upload(self) -> None:
        """Send blocks for ever. Nothing in here looks at the access."""
        digest, block = hashlib.sha256(), bytes(1 << 18)
        duty = threading.Thread(target=self.revoke)
        try:
            while True:
                digest.update(block)
                self.blocks += 1
                if self.blocks == BEGUN:
                    duty.start()
        finally:
            stopped = self.note(f"the work has stopped, in its block {self.blocks + 1}")
            if duty.is_alive():
                duty.join()
            expect(0 < stopped < SOON, f"the work has to stop within {SOON:.0f} ms")

    def run(self, stage: Stage) -> None:
        """Work under a lease, and show how that ended."""
        stage.say('$ with pdp.lease("deploy", pay, principal=ada, …): upload()')
        stage.say(f"working; when {BEGUN} blocks are sent, whoever is on duty revokes User:ada")
        ended: pdp.LeaseEnded | None = None
        try:
            with pdp.lease(
                "deploy",
                PAY,
                principal=ADA,
                session=self.session,
                context=CONTEXT,
                engine=self.engine,
                on_end=lambda change: self.note(f"the lease is over: {change.before} -> {change.state}"),
            ):
                self.upload()
        except pdp.LeaseEnded as error:
            ended = error
        for milliseconds, text in sorted(self.happened):
            stage.say(f"{milliseconds:7.1f} ms  {text}")
        expect(ended is not None, "work that is not allowed any more has to be stopped")
        stage.say(stage.painted(31, f"pdp.LeaseEnded: {ended}"))


def look_again(stage: Stage) -> None:
    """Ask once more, from another process: the approval is there, and helps no more."""
    stage.step("What was revoked is denied everywhere, whatever was approved")
    shown = stage.run(2, "trace", "policies", *ASKED, *ON_RECORD)
    expect("principal_revoked" in shown, "whoever is revoked has to be denied")


def show(stage: Stage) -> None:
    """Go through all steps."""
    shutil.copytree(HERE / "policies", stage.folder / "policies")
    make_keys(stage)
    ask_for_production(stage)
    approve(stage, ask_for_access(stage))
    work(stage)
    look_again(stage)
    print(f"\n{stage.painted(32, f'All {stage.steps} steps came out as they have to.')}")


def main() -> int:
    """Run the demo; return its exit status."""
    parser = argparse.ArgumentParser(description="Access that is asked for, approved, worked under, and taken back.")
    parser.add_argument("--pause", type=float, default=0.0, metavar="SECONDS", help="wait before each step")
    pause = parser.parse_args().pause
    with tempfile.TemporaryDirectory(prefix="pdp-demo-") as folder:
        try:
            show(Stage(Path(folder), pause))
        except Unexpected as wrong:
            print(f"demo.py: {wrong}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
