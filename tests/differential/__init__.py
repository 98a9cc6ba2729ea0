"""Compiled rules against the interpreter: random policies, facts and requests, and everything that a decision carries.

`make differential` runs a million of them, the tests a slice. README.md tells how to replay and read a difference.
"""
