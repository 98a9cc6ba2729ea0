"""Cedar's engine behind two pipes: a policy set and its requests on a line of JSON in, the answers on one out.

It runs in an environment that has cedarpy, and imports nothing of this repository. Where the engine crashes, only this
process ends.
"""

import json
import re
import sys

import cedarpy

# The first policy that an error names is the one that failed; what follows may quote the policies' own texts.
_FAILED = re.compile(r"error while evaluating policy `([^`]*)`")


def answered(asked):
    """Answer one message."""
    try:
        policies = cedarpy.PolicySet.from_str(asked["policies"])
        if asked["links"]:
            policies = policies.with_linked_batch(asked["links"])
        schema = None if asked["schema"] is None else cedarpy.Schema.from_str(asked["schema"])
    except ValueError as error:
        return {"refused": "policies", "detail": str(error)}
    found = {}
    if asked["validate"] and schema is not None:
        verdict = cedarpy.validate_policies(asked["policies"], schema)
        found = {
            "valid": verdict.validation_passed,
            "findings": [[each.policy_id, each.error] for each in verdict.errors],
        }
    try:
        entities = cedarpy.Entities.from_json_str(asked["entities"], schema)
    except ValueError as error:
        return {"refused": "entities", "detail": str(error), **found}
    results = cedarpy.is_authorized_batch(asked["requests"], policies, entities, schema)
    return {"answers": [_told(each) for each in results], **found}


def _told(result):
    errors = result.diagnostics.errors
    if result.decision is cedarpy.Decision.NoDecision:
        return ["NoDecision", [], [], errors]
    failed = [match[1] if (match := _FAILED.match(each)) else each for each in errors]
    return [result.decision.value, sorted(result.diagnostics.reasons), sorted(failed), errors]


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line))), flush=True)
