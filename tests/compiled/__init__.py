"""Compiled rules under hostile input: each decision beside the interpreter's, and who answered is watched."""
