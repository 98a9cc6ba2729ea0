"""Requests for access and what became of them: signed events on record, and the approvals that they come to."""
