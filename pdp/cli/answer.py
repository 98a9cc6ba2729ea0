"""A decision in words, for `decide` and `trace`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pdp.cli.endings import Status
from pdp.cli.terminal import Terminal, plain, written
from pdp.model import Decision, Effect, Need, Outcome, Reason, Remedy
from pdp.terms import Policy
from pdp.values import Datetime

_WAYS: Final = 5
"""How many ways out of a deny are shown."""


def status_of(decision: Decision) -> Status:
    """Return what a command exits with. Nothing but an allow whose every obligation is handled is OK."""
    if decision.reason in (Reason.INVALID_REQUEST, Reason.INVALID_SESSION):
        return Status.INVALID
    if decision.reason is Reason.INTERNAL_ERROR:
        return Status.FAILED
    return Status.OK if decision else Status.DENY


def headline(decision: Decision, terminal: Terminal) -> str:
    """Say in one line what was decided, and why."""
    allowed = decision.outcome is Outcome.ALLOW
    undone = allowed and bool(decision.unhandled)
    word = terminal.paint(str(decision.outcome), "unknown" if undone else "allow" if allowed else "deny")
    if decision.determining_rules:
        text = f" by {', '.join(plain(rule) for rule in decision.determining_rules)}"
    elif decision.reason is Reason.DEFAULT:
        text = ": no permit applies"
    else:
        text = f": {plain(decision.detail)}" if decision.detail else ""
    return f"{word} ({decision.reason}){text}" + (", with an obligation that nobody handles" if undone else "")


def details(decision: Decision, policy: Policy, terminal: Terminal) -> Iterator[str]:
    """Yield what else there is to say, in lines."""
    rules = policy.by_id()
    for name in decision.determining_rules:
        why = rules[name].because or rules[name].standing
        if why is not None:
            yield f"  {plain(name)}: {plain(why)}"
    # That a permit is unknown for its needs alone is told by what it would take.
    told = {remedy.rule for remedy in decision.remedies}
    for name in (name for name in decision.erring_rules if name not in told):
        if policy.schema.is_cedar:
            effect = ", and forbids nothing" if rules[name].effect is Effect.FORBID else ""
            yield f"  {terminal.paint('skipped', 'unknown')}: {plain(name)}, which cannot be evaluated{effect}"
            continue
        effect = ", so it denies" if name in decision.determining_rules else ""
        yield f"  {terminal.paint('unknown', 'unknown')}: whether {plain(name)} applies{effect}"
    yield from _ways(decision.remedies, terminal)
    yield from duties(decision, terminal)
    if decision.valid_until is not None:
        yield f"  valid until {Datetime.of(decision.valid_until)}"


def duties(decision: Decision, terminal: Terminal) -> Iterator[str]:
    """Yield the obligations, in lines."""
    for duty in decision.obligations:
        shown = {**duty.arguments, **dict.fromkeys(duty.unknown, "?")}
        arguments = f" {written(shown)}" if shown else ""
        yield f"  {terminal.paint('must do', 'strong')}: {plain(duty.name)}{arguments}"
    if decision.outcome is Outcome.ALLOW and decision.unhandled:
        options = " ".join(f"--handles {plain(name)}" for name in decision.unhandled)
        yield f"  {terminal.paint('not allowed before', 'unknown')} you say that you do it: `{options}`"


def _ways(remedies: tuple[Remedy, ...], terminal: Terminal) -> Iterator[str]:
    for index, remedy in enumerate(remedies[:_WAYS]):
        title = terminal.paint("what it would take" if index == 0 else "or", "strong")
        yield f"  {title}, by {plain(remedy.rule)}:"
        for need in remedy.needs:
            yield f"    - {need_text(need)}"
        for lift in remedy.lifts:
            yield f"    - {', or '.join(need_text(need) for need in lift.one_of)} (lifts {plain(lift.rule)})"
    if len(remedies) > _WAYS:
        yield f"  … and {len(remedies) - _WAYS} more ways: `--json` shows all"


def need_text(need: Need) -> str:
    """Say what is needed."""
    text = plain(need.text)
    if need.approvals is None:
        return text
    return f"{text} ({need.approvals.missing} of {need.approvals.count} missing)"
