"""Answers that somebody relies on: what each depends on, and what becomes of it when that changes."""
