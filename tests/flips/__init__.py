"""What would turn a decision around, held to a search by brute force through small random worlds.

`python -m tests.flips 5000` takes five thousand of them, the tests a slice.
"""
