"""What AuthZEN sends, as data. Unknown fields are ignored, as the specification asks; types are those of JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

Properties = dict[str, Any] | UnsetType


class Named(Struct, frozen=True):
    """A subject or a resource."""

    type: str
    id: str
    properties: Properties = UNSET


class Act(Struct, frozen=True):
    """An action."""

    name: str
    properties: Properties = UNSET


class Kind(Struct, frozen=True):
    """What is searched for. An id is ignored, whatever it is."""

    type: str


class Evaluation(Struct, frozen=True, kw_only=True):
    """One question. Only who asks for itself by a verified token need not say who that is."""

    subject: Named | UnsetType = UNSET
    action: Act
    resource: Named
    context: Properties = UNSET


class Item(Struct, frozen=True):
    """One question of many: what it does not say, all say."""

    subject: Named | UnsetType = UNSET
    action: Act | UnsetType = UNSET
    resource: Named | UnsetType = UNSET
    context: Properties = UNSET


Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]


class BatchOptions(Struct, frozen=True):
    """How many of the questions are answered."""

    evaluations_semantic: Semantic | UnsetType = UNSET


class Batch(Item, frozen=True):
    """Many questions."""

    evaluations: list[Item] | UnsetType = UNSET
    options: BatchOptions | UnsetType = UNSET


class MixedBatch(Item, frozen=True):
    """Many questions, each as it came: what is wrong with one says nothing of the others."""

    evaluations: list[msgspec.Raw] | UnsetType = UNSET
    options: BatchOptions | UnsetType = UNSET


class Paging(Struct, frozen=True):
    """Which page of a search is asked for."""

    token: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1)] | UnsetType = UNSET


class SubjectSearch(Struct, frozen=True):
    """Who may do it?"""

    subject: Kind
    action: Act
    resource: Named
    context: Properties = UNSET
    page: Paging | UnsetType = UNSET


class ResourceSearch(Struct, frozen=True):
    """On what may it be done?"""

    subject: Named
    action: Act
    resource: Kind
    context: Properties = UNSET
    page: Paging | UnsetType = UNSET


class ActionSearch(Struct, frozen=True):
    """What may be done?"""

    subject: Named
    resource: Named
    context: Properties = UNSET
    page: Paging | UnsetType = UNSET


class Shown(Struct, frozen=True):
    """What a client shows of a denial."""

    expires_at: str
    binding_token: str | UnsetType = UNSET
    evaluation_id: str | UnsetType = UNSET


class Wanted(Struct, frozen=True):
    """How much of the access is wanted."""

    requested_until: str | UnsetType = UNSET


class Sender(Struct, frozen=True):
    """Which program asks. Whoever acts for somebody is told by a token, and not here."""

    actor: msgspec.Raw | UnsetType = UNSET


class Submission(Struct, frozen=True, kw_only=True):
    """That access is asked for which was denied."""

    subject: Named | UnsetType = UNSET
    action: Act | UnsetType = UNSET
    resource: Named | UnsetType = UNSET
    context: Properties = UNSET
    items: msgspec.Raw | UnsetType = UNSET
    denial: Shown | UnsetType = UNSET
    requested_access: Wanted = Wanted()
    client: Sender = Sender()
