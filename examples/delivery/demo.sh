#!/bin/sh
# What pdp does, on the policies of this folder: an allow, a deny with its remedy, a trace of a guard that fails closed.
# It needs `pdp` on the PATH, runs from anywhere, and asks at a fixed time, so that it prints the same on every day.
set -eu

cd "$(dirname "$0")"
at=2026-11-23T09:00:00Z
inside='{"ip": "10.1.2.3", "change": "c1"}'
signed_in='{"mfa": true, "authenticated_at": "2026-11-23T08:55:00Z"}'

title() {
  printf '\n== %s\n' "$1"
}

# Show a command, run it, and hold its exit status to what it has to be.
ask() {
  wanted=$1
  shift
  printf '$ pdp'
  for word; do
    case $word in
      *[!A-Za-z0-9_:./@=-]*) printf " '%s'" "$word" ;;
      *) printf ' %s' "$word" ;;
    esac
  done
  printf '\n'
  status=0
  pdp "$@" || status=$?
  printf 'exit status %s\n' "$status"
  if [ "$status" -ne "$wanted" ]; then
    printf 'demo.sh: expected exit status %s\n' "$wanted" >&2
    exit 1
  fi
}

title "The folder checks: types, names, conditions, entities"
ask 0 check .

title "Allowed: an engineer ships to staging"
ask 0 decide . User:ada deploy Service:pay-staging --context "$inside" --at "$at"

title "Denied, with what it would take: the same to production"
ask 2 decide . User:ada deploy Service:pay --context "$inside" --at "$at"

title "Allowed: a fresh second factor, two approvals of this change, and a caller who will tell the channel"
ask 0 decide . User:ada deploy Service:pay --context "$inside" --at "$at" \
  --session "$signed_in" --approvals @approvals.json --handles notify

title "Allowed: a job of the build system, known by its token, ships what it builds"
ask 0 decide . 'Workload:acme/pay@main' deploy Service:pay-staging --context "$inside" --at "$at"

title "Denied: an agent that acts for the engineer, in production"
ask 2 decide . User:ada deploy Service:pay --context "$inside" --at "$at" --session '{"actor": "Agent:helper"}'

title "Why a guard fails closed: a restart that does not say where it comes from"
ask 2 trace . User:ada restart Service:pay --at "$at"
