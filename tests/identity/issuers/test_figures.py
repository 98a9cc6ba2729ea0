"""What is promised of tokens that are known, in ratios, which hold on any machine."""

from __future__ import annotations

from benchmarks.identity import tokens


def test_a_token_that_is_known_costs_a_fiftieth_of_one_that_is_verified_and_half_a_decision_at_most():
    figures = tokens.measure(laps=5)

    assert figures["known_of_verified"] <= 1 / 50
    assert figures["known_off_the_wire_of_verified"] <= 1 / 50
    assert figures["token_of_decide"] <= 0.5
    assert figures["token_of_decide_and_groups"] <= 0.5
