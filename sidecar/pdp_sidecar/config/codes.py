"""Every code that a finding about a configuration can carry, and when it is given."""

from __future__ import annotations

from typing import Final

from pdp.configuration.codes import COMMON

CODES: Final[dict[str, str]] = COMMON | {
    "caller_ways": "A caller is told by no way of showing who it is, or by several.",
    "duplicate_address": "Two protocols are to be spoken at one address.",
    "duplicate_caller": "Two callers have one name, or are told by the same thing.",
    "invalid_address": "Something is no address to listen at, or not for this protocol.",
    "invalid_envoy": "What is said of the requests of Envoy does not hold up, or not by the policies.",
    "invalid_mode": "Something is no mode of a socket.",
    "invalid_principal": "Something names no principals for whom a caller may ask.",
    "invalid_spiffe": "Something is no SPIFFE id.",
    "invalid_tls": "The certificate, its key or the authorities cannot be used.",
    "misplaced_key": "A key says nothing beside what else is there.",
    "no_client_ca": "Something needs certificates of clients, and nothing says whose.",
    "no_identity": "Something needs verified tokens, and nothing says whose.",
    "no_folder": "There is no folder of the user's own for sockets.",
    "not_installed": "Something needs packages that are not there.",
    "no_desk": "A caller may approve, or ask for access, and nothing signs that.",
    "no_record": "Something has to stay revoked, and there is no record of revocations.",
    "no_secret": "A secret cannot be had from where it is said to stand.",
    "no_shared_record": "Several workers have no record of revocations to share.",
    "nobody_asks": "Nobody who connects to an address is anybody who may ask.",
    "other_trust_domain": "A caller is of a trust domain that nobody is let in from.",
    "plaintext": "A port is not encrypted, and nothing says that this is meant.",
    "short_token": "A token is short enough to be guessed.",
    "unix_workers": "Several workers are to share a Unix socket.",
    "unnamed_port": "Several workers are to share a port that the system chooses.",
    "unproven_caller": "Whoever shows nothing of who they are may do what takes proof.",
}
