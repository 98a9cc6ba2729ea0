"""A job and a person ask the sidecar, known by the tokens that their issuers gave them.

    python examples/identity/demo.py

The policies and the configurations of two examples are taken as they are, but for where keys come from: issuers that
start with the demo sign tokens in the shape of GitHub's and of an OpenID provider's, and tell their keys over HTTP.
Everything is done in a temporary folder and on this machine. Each step is held to what it has to come to; the exit
status is 0 when each did.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from issuer import Issuer

import pdp

HERE = Path(__file__).resolve().parent
EXAMPLES = {"github-actions": "https://token.actions.githubusercontent.com", "people": "https://id.example.org"}
PATIENCE = 30.0
"""Seconds that anything may take to start, on a machine that has much else to do."""

_KEYS = re.compile(r"(?<=\[issuers\.keys\]\n)discovery = true\n")
_COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ
_BOLD, _GREEN, _RED, _DIM = ("1", "32", "31", "2")


class Unexpected(Exception):
    """A step came out otherwise than it has to."""


def expect(given: object, wanted: object, what: str) -> None:
    """Raise Unexpected where something is not what it has to be."""
    if given != wanted:
        raise Unexpected(f"{what}: expected {wanted!r}, found {given!r}")


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait until something holds, and return it; raise Unexpected when patience ends."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise Unexpected(f"{what} did not happen within {PATIENCE:g} s")


def painted(text: str, *styles: str) -> str:
    """Return a text in colours, where whoever reads it sees them."""
    return f"\x1b[{';'.join(styles)}m{text}\x1b[0m" if _COLOURS and styles else text


def say(text: str, *styles: str) -> None:
    """Print a line, or several."""
    print("\n".join(f"  {painted(line, *styles)}" for line in text.splitlines()), flush=True)


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Demo:
    """The folder, who issues tokens, and the sidecar."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack, self.steps = folder, stack, 0
        self.socket = f"unix:{folder}/pdp.sock"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.issuers = {name: Issuer(issuer) for name, issuer in EXAMPLES.items()}
        for each in self.issuers.values():
            stack.callback(each.close)
        self.app = secrets.token_urlsafe(24)
        self._configure()

    def _configure(self) -> None:
        parts = []
        for name, issuer in self.issuers.items():
            text = (HERE / name / "identity.toml").read_text("utf-8")
            parts.append(_KEYS.sub(f'jwks_uri = "{issuer.jwks_uri}"\n', text))
            shutil.copytree(HERE / name, self.folder / "policies" / name, ignore=shutil.ignore_patterns("*.toml"))
        (self.folder / "identity.toml").write_text("\n".join(parts), "utf-8")
        shutil.copy(HERE / "serve.toml", self.folder)
        self.secret("app", self.app)

    def secret(self, name: str, text: str) -> Path:
        """Write a token into a file that is the user's own."""
        path = self.folder / f"{name}.token"
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
        return path

    # ------------------------------------------------------------------------------------------------------ showing

    def step(self, title: str) -> None:
        """Begin a step."""
        self.steps += 1
        print(f"\n{painted(f'{self.steps}. {title}', _BOLD)}", flush=True)

    def told(self, text: str) -> str:
        """Return a text as it is shown: without the folders of this run."""
        return text.replace(f"{self.folder}/", "").replace(f"{HERE}/", "")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of pdp, show it, what it printed, and its exit status."""
        say(f"$ pdp {' '.join(map(self.told, words))}", _DIM)
        done = subprocess.run(
            [sys.executable, "-m", "pdp", *words],
            cwd=self.folder,
            env={**os.environ, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        say(self.told(done.stdout + done.stderr).rstrip())
        say(f"exit status {done.returncode}", _GREEN if done.returncode == 0 else _RED)
        return done

    def start(self) -> subprocess.Popen[str]:
        """Start the sidecar; it ends with the demo."""
        command = [sys.executable, "-m", "pdp", "serve", str(self.folder / "policies"), "--insecure"]
        command += ["--config", str(self.folder / "serve.toml"), "--frames", self.socket]
        command += ["--http", self.url.removeprefix("http://")]
        log = self.stack.enter_context((self.folder / "sidecar.log").open("w", encoding="utf-8"))
        process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, text=True)
        self.stack.callback(end, process)
        until(lambda: "ready" in self.log() or process.poll() is not None, "the start of the sidecar")
        say(self.told(self.log()).rstrip())
        expect(process.poll(), None, "the sidecar runs")
        return process

    def log(self) -> str:
        """Return what the sidecar has printed so far."""
        return (self.folder / "sidecar.log").read_text("utf-8")

    # ------------------------------------------------------------------------------------------------------- asking

    def ask(self, bearer: str, asked: dict[str, Any], shown: dict[str, str]) -> tuple[int, Any]:
        """Ask AuthZEN by curl; return status and answer. `shown` are names for tokens, by which these are shown."""
        body = json.dumps(asked)
        line = f"$ curl {self.url}/access/v1/evaluation -H 'authorization: Bearer {bearer}' -d '{body}'"
        for token, name in shown.items():
            line = line.replace(token, f"${name}")
        say(line, _DIM)
        # What stands on a command line is read by everybody on this machine: curl reads the token from its input.
        config = f'header = "authorization: Bearer {bearer}"\nheader = "x-pdp-reasons: true"\n'
        config += 'header = "content-type: application/json"\n'
        path = self.folder / "asked.json"
        path.write_text(body, "utf-8")
        command = ["curl", "-sS", "-K", "-", "-d", f"@{path}", "-i", f"{self.url}/access/v1/evaluation"]
        done = subprocess.run(command, input=config, capture_output=True, text=True, timeout=PATIENCE, check=True)
        path.unlink()
        head, _, answer = done.stdout.partition("\n\n")
        return int(head.split()[1]), tell(head, answer)

    def as_job(self, token: str, target: str, name: str = "JOB_TOKEN") -> tuple[int, Any]:
        """Ask as a job does: for itself, with its token."""
        asked = {"action": {"name": "ship"}, "resource": {"type": "Target", "id": target}}
        return self.ask(token, asked, {token: name})

    def as_app(self, token: str, service: str, name: str) -> tuple[int, Any]:
        """Ask as the application does: for whoever a token is of."""
        subject = {"type": "pdp:token", "id": token}
        asked = {"subject": subject, "action": {"name": "deploy"}, "resource": {"type": "Service", "id": service}}
        return self.ask(self.app, asked, {token: name, self.app: "APP_TOKEN"})


def tell(head: str, body: str) -> Any:
    """Show what of an answer matters here, and return it."""
    status = head.splitlines()[0].split(" ", 1)[1].strip()
    if not status.startswith("200"):
        challenge = next((line for line in head.splitlines() if line.lower().startswith("www-authenticate")), "")
        say(f"{status}  {challenge}".rstrip(), _RED)
        return body
    told = json.loads(body)
    why = told["context"]["pdp"]
    shown = {"decision": told["decision"], "reason": why.get("reason"), "rules": why.get("determining_rules")}
    shown |= {name: told["context"][name] for name in ("acr_values", "max_age") if name in told["context"]}
    say(json.dumps(shown), _GREEN if told["decision"] else _RED)
    return told


def end(process: subprocess.Popen[str]) -> None:
    """End a process, in order if it goes."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# -------------------------------------------------------------------------------------------------------------- steps


def a_job(demo: Demo) -> str:
    demo.step("A job of GitHub Actions asks for itself, with the token that GitHub gave it. No secret is stored")
    issuer = demo.issuers["github-actions"]
    token = issuer.job()
    say(f"JOB_TOKEN is of {issuer.name}: acme/shop, refs/heads/main, push")
    expect(allowed(demo.as_job(token, "shop-staging")), True, "trunk ships to staging")
    expect(allowed(demo.as_job(token, "shop")), False, "trunk ships to production")
    return token


def a_tag(demo: Demo) -> None:
    demo.step("The job of a version, which people approved before it got its token, ships to production")
    token = demo.issuers["github-actions"].job(ref="refs/tags/v1.4.0", environment="production")
    expect(allowed(demo.as_job(token, "shop")), True, "a version ships to production")


def others(demo: Demo) -> None:
    demo.step("Of others nothing is taken: a job of another organisation, and a token that somebody changed")
    issuer = demo.issuers["github-actions"]
    foreign = issuer.job(repository="eve/shop", repository_owner_id="66")
    expect(demo.as_job(foreign, "shop-staging", "EVES_TOKEN")[0], 401, "a job of somebody else")
    head, _, signature = issuer.job(ref="refs/heads/wip").split(".")
    changed = ".".join((head, issuer.job().split(".")[1], signature))
    expect(demo.as_job(changed, "shop-staging", "CHANGED_TOKEN")[0], 401, "claims of another token")


def a_person(demo: Demo) -> None:
    demo.step("ada signs in with a password. The application hands on her token, and hears what it would take")
    issuer = demo.issuers["people"]
    weak = issuer.person("ada", strong=False)
    expect(allowed(demo.as_app(weak, "shop-staging", "ADAS_TOKEN")), True, "staging with a password")
    status, told = demo.as_app(weak, "shop", "ADAS_TOKEN")
    expect((status, told["decision"]), (200, False), "production with a password")
    expect(told["context"].get("acr_values"), ["phr", "phrh"], "what the application asks the provider for")

    demo.step("It lets her sign in again, by what it heard: with a second factor, and not longer ago than that")
    strong = issuer.person("ada", strong=True)
    expect(allowed(demo.as_app(strong, "shop", "ADAS_NEW_TOKEN")), True, "production with a second factor")
    demo.step("bo has a second factor as well, and that is not all it takes")
    expect(allowed(demo.as_app(issuer.person("bo", strong=True), "shop", "BOS_TOKEN")), False, "somebody else")


def at_the_shell(demo: Demo, token: str) -> None:
    demo.step("A job needs no sidecar: it may ask by a command, whose exit status is the answer")
    path = demo.secret("job", token)
    identity = str(demo.folder / "identity.toml")
    policies = str(demo.folder / "policies")
    who = demo.run("whoami", policies, "--identity", identity, "--token-file", str(path))
    expect(who.returncode, 0, "who it is")
    asked = ("decide", policies, "ship", "Target:shop-staging", "--identity", identity)
    expect(demo.run(*asked, "--token-file", str(path)).returncode, 0, "trunk ships to staging")


def revoked(demo: Demo, token: str) -> None:
    demo.step("The token leaked: it is revoked, and counts for nobody from then on")
    claims: dict[str, Any] = json.loads(decoded(token.split(".")[1]))
    named = {"token": claims["jti"], "issuer": claims["iss"]}
    told = ", ".join(f"{name}={value!r}" for name, value in named.items())
    say(f">>> pdp.connect({demo.told(demo.socket)!r}).revoke({told})", _DIM)
    with pdp.connect(demo.socket) as remote:
        remote.revoke(**named, why="it stood in a log")
    expect(demo.as_job(token, "shop-staging")[0], 401, "a token that is revoked")


def stop(demo: Demo, process: subprocess.Popen[str]) -> None:
    demo.step("It ends in order, and no token is in what it wrote")
    process.send_signal(signal.SIGTERM)
    expect(process.wait(PATIENCE), 0, "the exit status")
    expect("eyJ" in demo.log(), False, "a token in the log")
    say("exit status 0")


def allowed(answer: tuple[int, Any]) -> bool:
    """Tell whether an answer is an allow; raise Unexpected where it is none of either."""
    status, told = answer
    expect(status, 200, "an answer")
    return told["decision"] is True


def decoded(part: str) -> bytes:
    """Return what a part of a token holds."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def main() -> int:
    """Run the demo; return its exit status."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        demo = Demo(Path(folder).resolve(), stack)
        try:
            demo.step("The sidecar starts. It knows whose tokens are taken, and reads their keys")
            process = demo.start()
            token = a_job(demo)
            a_tag(demo)
            others(demo)
            a_person(demo)
            at_the_shell(demo, token)
            revoked(demo, token)
            stop(demo, process)
        except Unexpected as error:
            print(f"\ndemo.py: {error}\n\nthe sidecar said:\n{demo.log()}", file=sys.stderr)
            return 1
    print(f"\nAll {demo.steps} steps came out as they have to.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
