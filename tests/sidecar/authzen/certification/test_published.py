"""The payloads of the published certification scenario, section by section, where they are there."""

from __future__ import annotations

import json

import pytest

from peers import require
from tests.sidecar.authzen.certification.test_scenario import ACTION, EVALUATION, EVALUATIONS, RESOURCE, SUBJECT, served

SECTIONS = {each["id"]: each for each in json.loads(require("authzen/certification-blocks.json").read_text())}
_ = served

PATHS = {"c-2": EVALUATION, "c-3": EVALUATIONS, "c-4-2": SUBJECT, "c-4-3": RESOURCE, "c-4-4": ACTION, "c-4-5": SUBJECT}
NAMED = {"c-4-6-1": [ACTION], "c-4-6-2": [SUBJECT], "c-4-7-1": [SUBJECT, RESOURCE, ACTION]}
NAMED["c-4-7-2"] = NAMED["c-4-7-1"]


def path_of(section, place=0):
    if section in NAMED:
        return NAMED[section][place]
    return next(path for start, path in PATHS.items() if section.startswith(start))


def payloads(section):
    return [block for block in section["blocks"] if isinstance(block, dict)]


ANSWERED = [name for name, each in SECTIONS.items() if payloads(each) and not name.startswith(("c-6", "c-4-7"))]
REFUSED = [name for name in ANSWERED if SECTIONS[name]["expects_400"] and name != "c-4-6-2"] + ["c-4-7-1", "c-4-7-2"]
ANSWERED = [name for name in ANSWERED if name not in REFUSED and name != "c-4-5-2"]


def test_every_section_is_held():
    left = {name for name in SECTIONS if name not in {*ANSWERED, *REFUSED}}

    # Paths alone, a token that the pages of the scenario test make, and what discovery looks like.
    assert left == {"c-2-1", "c-3-1", "c-4-1", "c-4-5-2", "c-6-1", "c-6-2"}


@pytest.mark.parametrize("name", ANSWERED)
def test_a_published_request_is_answered_as_published(served, name):
    request, *told = payloads(SECTIONS[name])

    answer = served.ask(path_of(name), request)

    assert answer.status_code == 200
    if told:
        assert answer.json() == told[0]
    elif name.startswith("c-2"):
        assert isinstance(answer.json()["decision"], bool)
    elif name.startswith("c-3"):
        assert [type(each["decision"]) for each in answer.json()["evaluations"]] == [bool] * len(request["evaluations"])
    else:
        assert answer.json()["results"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_published_mistake_is_a_bad_request(served, name):
    for place, request in enumerate(payloads(SECTIONS[name])):
        assert served.ask(path_of(name, place), request).status_code == 400


def test_the_names_of_the_metadata_are_as_published(served):
    published = payloads(SECTIONS["c-6-2"])[0]
    found = served.client.get("/.well-known/authzen-configuration").json()

    assert published.keys() - found.keys() == {"signed_metadata"}
    assert found.keys() - published.keys() == {"capabilities"}
