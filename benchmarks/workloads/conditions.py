"""`n` condition rules, all of one action and one resource type: time, second factor, address range, environment, owner.

Each team has six permits and two forbids of its own, told apart by an equality on the team. A growing `n` is more
teams. Cedar has no session and no `now`: it gets both in its context, the hour worked out by the caller.
"""

from __future__ import annotations

import datetime
import random
from typing import Any

from benchmarks.workloads.world import Ask, Name, Thing, Workload, balanced

TYPES = """\
context { ip: Ip }
enum Env { dev, staging, prod }
type User { team: String, level: Int, oncall: Bool }
type Service { team: String, env: Env, owner: User, tier: Int, frozen: Bool }

action deploy on Service by User
"""

PDP = """
rule {t}_dev:
  permit User to deploy on Service
  when resource.team == "{t}" and resource.env == dev and principal.team == "{t}"

rule {t}_staging:
  permit User to deploy on Service
  when resource.team == "{t}" and resource.env == staging and principal.team == "{t}"
  needs session.mfa else "sign in with a second factor"

rule {t}_prod_in_office_hours:
  permit User to deploy on Service
  when resource.team == "{t}" and resource.env == prod and principal.team == "{t}"
  when now.hour >= 8 and now.hour < 18
  needs session.mfa and now - session.authenticated_at < 15m else "sign in again with a second factor"

rule {t}_prod_from_the_bastion:
  permit User to deploy on Service
  when resource.team == "{t}" and resource.env == prod and principal.level >= 5 and context.ip in 10.{i}.0.0/16

rule {t}_owner:
  permit User to deploy on Service
  when resource.team == "{t}" and resource.env in [dev, staging] and resource.owner == principal

rule {t}_on_call:
  permit User to deploy on Service
  when resource.team == "{t}" and principal.team == "{t}" and principal.oncall and resource.tier >= 2
  when now < 2027-01-01

rule {t}_prod_from_inside:
  forbid User to deploy on Service
  when resource.team == "{t}" and resource.env == prod
  unless context.ip in 10.0.0.0/8 else "connect to the company network"
  because "production is reached from the company network"

rule {t}_frozen:
  forbid User to deploy on Service
  when resource.team == "{t}" and resource.frozen
  unless principal.level >= 8 else "ask the release manager"
  because "nothing moves during a freeze"
"""

SCOPE = 'principal is User, action == Action::"deploy", resource is Service'

CEDAR = """
permit ({scope}) when {{ resource.team == "{t}" && resource.env == "dev" && principal.team == "{t}" }};
permit ({scope}) when {{
  resource.team == "{t}" && resource.env == "staging" && principal.team == "{t}" && context.mfa
}};
permit ({scope}) when {{
  resource.team == "{t}" && resource.env == "prod" && principal.team == "{t}" &&
  context.hour >= 8 && context.hour < 18 && context.mfa && context.now - context.authenticated_at < 900
}};
permit ({scope}) when {{
  resource.team == "{t}" && resource.env == "prod" && principal.level >= 5 &&
  context.ip.isInRange(ip("10.{i}.0.0/16"))
}};
permit ({scope}) when {{
  resource.team == "{t}" && ["dev", "staging"].contains(resource.env) && resource.owner == principal
}};
permit ({scope}) when {{
  resource.team == "{t}" && principal.team == "{t}" && principal.oncall && resource.tier >= 2 &&
  context.now < {end}
}};
forbid ({scope}) when {{ resource.team == "{t}" && resource.env == "prod" }}
unless {{ context.ip.isInRange(ip("10.0.0.0/8")) }};
forbid ({scope}) when {{ resource.team == "{t}" && resource.frozen }} unless {{ principal.level >= 8 }};
"""

RULES_OF_A_TEAM = 8
USERS = 40
SERVICES = 60
END = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)
START = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
ENVS = ("dev", "staging", "prod")


def rules(n: int) -> list[str]:
    """Return the rules as pdp writes them, a text for each team."""
    return [PDP.format(t=f"team{i}", i=i % 250) for i in range(n // RULES_OF_A_TEAM)]


def policies(n: int) -> list[str]:
    """Return the same rules as Cedar writes them."""
    end = int(END.timestamp())
    return [CEDAR.format(scope=SCOPE, t=f"team{i}", i=i % 250, end=end) for i in range(n // RULES_OF_A_TEAM)]


def build(n: int) -> Workload:
    """Build a world of `n` condition rules."""
    name = f"conditions_{n}"
    chance = random.Random(name)
    teams = n // RULES_OF_A_TEAM
    # Ten teams at most have people and services: the others only have rules.
    active = chance.sample(range(teams), min(teams, 10))
    users: dict[Name, dict[str, Any]] = {
        ("User", f"user{i}"): {
            "team": f"team{chance.choice(active)}",
            "level": chance.randint(1, 9),
            "oncall": chance.random() < 0.2,
        }
        for i in range(USERS)
    }
    services: dict[Name, dict[str, Any]] = {
        ("Service", f"service{i}"): {
            "team": f"team{chance.choice(active)}",
            "env": chance.choice(ENVS),
            "owner": chance.choice(list(users)),
            "tier": chance.randint(0, 3),
            "frozen": chance.random() < 0.15,
        }
        for i in range(SERVICES)
    }

    def draw(chance: random.Random) -> Ask:
        now = START + datetime.timedelta(hours=chance.randrange(24), minutes=30)
        user, target = chance.choice(list(users)), chance.choice(list(services))
        signed_in = now - datetime.timedelta(minutes=chance.choice((2, 10, 40)))
        mfa = chance.random() < 0.6
        team = int(services[target]["team"].removeprefix("team"))
        ip = chance.choice((f"10.{team % 250}.3.4", "10.251.3.4", "203.0.113.9"))
        allowed = expected(users[user], services[target], user, team, now, signed_in, mfa, ip)
        return _ask(user, target, now, signed_in, mfa, ip, allowed)

    asks = balanced(name, draw)
    # In production, nobody knows whether a request without an address comes from inside.
    missing = tuple(
        _without_address(ask) for ask in asks if services[ask.resource]["env"] == "prod"
    )  # fmt: skip
    return Workload(
        name=name,
        files={"policy.pdp": TYPES + "".join(rules(n))},
        cedar="".join(policies(n)),
        things=tuple(Thing(name=each, attributes=attributes) for each, attributes in (users | services).items()),
        asks=asks,
        missing=missing,
    )


def expected(
    user: dict[str, Any],
    service: dict[str, Any],
    name: Name,
    team: int,
    now: datetime.datetime,
    signed_in: datetime.datetime,
    mfa: bool,
    ip: str,
) -> bool:
    """Tell what the rules of a service's team come to, worked out by hand."""
    env, ours = service["env"], user["team"] == service["team"]
    if (env == "prod" and not ip.startswith("10.")) or (service["frozen"] and user["level"] < 8):
        return False
    fresh = mfa and now - signed_in < datetime.timedelta(minutes=15)
    return (
        (ours and env == "dev")
        or (ours and env == "staging" and mfa)
        or (ours and env == "prod" and 8 <= now.hour < 18 and fresh)
        or (env == "prod" and user["level"] >= 5 and ip.startswith(f"10.{team % 250}."))
        or (env != "prod" and service["owner"] == name)
        or (ours and user["oncall"] and service["tier"] >= 2 and now < END)
    )


def _ask(
    user: Name,
    target: Name,
    now: datetime.datetime,
    signed_in: datetime.datetime,
    mfa: bool,
    ip: str,
    allowed: bool,
) -> Ask:
    return Ask(
        principal=user,
        action="deploy",
        resource=target,
        allowed=allowed,
        context={"ip": ip},
        session={"mfa": mfa, "methods": ["otp"] if mfa else ["pwd"], "authenticated_at": signed_in},
        now=now,
        facts={
            "ip": {"__extn": {"fn": "ip", "arg": ip}},
            "mfa": mfa,
            "authenticated_at": int(signed_in.timestamp()),
            "now": int(now.timestamp()),
            "hour": now.hour,
        },
    )


def _without_address(ask: Ask) -> Ask:
    return Ask(
        principal=ask.principal,
        action=ask.action,
        resource=ask.resource,
        allowed=False,
        context={},
        session=ask.session,
        now=ask.now,
    )
