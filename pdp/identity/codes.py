"""Every code that a finding about a configuration of issuers can carry, and when it is given."""

from __future__ import annotations

from typing import Final

from pdp.configuration.codes import COMMON

CODES: Final[dict[str, str]] = COMMON | {
    "ambiguous_issuer": "A token of one issuer could be taken by two entries.",
    "ambiguous_principals": "Two issuers would name entities of one type, and each could name those of the other.",
    "invalid_claim": "Something names no claim.",
    "invalid_issuer": "Something is no issuer, or not one of its profile.",
    "invalid_url": "Something is no address that anything may be asked for at.",
    "key_sources": "Keys come from nowhere, or from several places.",
    "misplaced_key": "A key says nothing beside what else is there.",
    "mutable_subject": "Principals would be named by a claim whose form its issuer changes.",
    "no_audience": "Nothing says for whom tokens have to be.",
    "no_secret": "A secret cannot be had from where it is said to stand.",
    "no_certificates": "There are no certificates of authorities where they are said to be.",
    "no_keys": "Keys cannot be had from where they are said to come from.",
    "no_proofs": "What proofs were used cannot be remembered where that is said to be.",
    "nobody": "There is nobody whose word is taken.",
    "out_of_bounds": "A number is beyond what it may be.",
    "undeclared": "The policies declare no such type or attribute, or not so that a token can fill it.",
    "unfit_algorithm": "An algorithm is not one of what tokens of this profile are signed by.",
    "unfit_profile": "An entry lacks what tokens of its profile need, or has what they never have.",
    "unknown_sessions": "Sessions are to be ended by a name that the tokens do not tell.",
    "weak_requirement": "What a claim has to be is nothing that a claim can be held to.",
}
