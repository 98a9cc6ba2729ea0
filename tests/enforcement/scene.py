"""One small policy for the tests of enforcement: what Ada may do, and what comes with it."""

from __future__ import annotations

from typing import Any

import pdp

POLICY = """
context { ip?: Ip }
type User
type Doc
obligation log { note: String }
obligation tell {}
obligation mark { note: String }
action read, write, share, shred, enter on Doc by User with { note?: String }

rule ada_reads:
  permit User "ada" to read on Doc
  standing because "she wrote them"
rule ada_writes:
  permit User "ada" to write on Doc
  oblige log { note: "first" }
  oblige tell {}
  oblige log { note: "last" }
  standing because "she wrote them"
rule ada_shares:
  permit User "ada" to share on Doc
  needs session.mfa else "use your key"
  standing because "she wrote them"
rule nobody_shreds:
  forbid anyone to shred on anything
  because "what is written stays"
  oblige tell {}
  oblige mark { note: context.note }
rule ada_enters:
  permit User "ada" to enter on Doc
  when context has ip and context.ip in 10.0.0.0/8 and context has note and context.note == "please"
  standing because "she wrote them"
"""
ADA, BEN, DOC = pdp.ref("User", "ada"), pdp.ref("User", "ben"), pdp.ref("Doc", "d1")


def engine(**options: Any) -> pdp.Engine:
    return pdp.Engine.from_text(POLICY, **options)


class Log(list[str]):
    """What happened, in its order."""

    def handler(self, obligation: pdp.Obligation, request: pdp.Request, decision: pdp.Decision) -> None:
        note = obligation.arguments.get("note", "")
        self.append(f"{obligation.name} {note}".strip())

    async def asynchronous(self, obligation: pdp.Obligation, request: pdp.Request, decision: pdp.Decision) -> None:
        self.handler(obligation, request, decision)


def failing(obligation: pdp.Obligation, request: pdp.Request, decision: pdp.Decision) -> None:
    raise OSError(28, "no space left")


class Fixed:
    """A decision point that answers one thing, whatever it is asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def decide(self, *_: Any, **__: Any) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def shown(value: object) -> str:
    """Return a name for a parameter that is the same in every process: an object's own text has its address in it."""
    return repr(value).partition(" at 0x")[0]
