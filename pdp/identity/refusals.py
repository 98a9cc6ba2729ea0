"""Every code that a refusal of a token, a certificate or a proof can carry, and when it is given."""

from __future__ import annotations

from typing import Final

REFUSALS: Final[dict[str, str]] = {
    "malformed_token": "It is no JWS in compact form, or not one of what a token may be written in.",
    "token_too_large": "It has more bytes than any token of these has.",
    "encrypted_token": "It is encrypted: it has five parts.",
    "invalid_header": "Its header is none, or says something that no header may.",
    "invalid_claims": "A claim is missing, of another type, or twice there.",
    "wrong_type": "It is a token of another kind than its issuer's are taken for.",
    "unknown_issuer": "Nobody configured is called like its issuer.",
    "wrong_audience": "It is for somebody else.",
    "wrong_algorithm": "It is signed by an algorithm that its issuer does not use here, or that does not fit its key.",
    "unknown_key": "Its issuer has no such key.",
    "keys_unavailable": "The keys of its issuer cannot be had, or those at hand are too old.",
    "wrong_signature": "The signature is not that of its issuer.",
    "token_expired": "It has run out.",
    "token_not_yet_valid": "It counts from later on, or was issued in the future.",
    "token_lives_too_long": "It is valid for longer than tokens of its issuer may be.",
    "wrong_claim": "A claim is not what its issuer's tokens have to say.",
    "no_principal": "What it says names no principal.",
    "proof_missing": "It is bound to a key, and nothing shows that whoever brings it has that key.",
    "wrong_proof": "The proof is none of this token, this request, or this key.",
    "proof_replayed": "The proof was used before.",
    "proofs_full": "As many proofs as can be remembered were used, and they still count.",
    "proofs_unavailable": "What proofs were used cannot be known: their file cannot be read or written.",
    "wrong_nonce": "The proof does not repeat the nonce that it was asked to.",
    "token_not_bound": "It is bound to no key, and those of its issuer have to be.",
    "unknown_binding": "It is bound to a key in a way that is not taken here.",
    "wrong_certificate": "The certificate names nobody, or not in the way that it has to.",
    "token_replayed": "It says something once, and was used before.",
    "token_inactive": "Its issuer says that it counts no longer.",
    "token_unconfirmed": "Whoever has to say whether it still counts does not say.",
}
