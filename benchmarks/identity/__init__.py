"""Measurements of what tells who is asking."""
