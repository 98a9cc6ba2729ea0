"""What would turn a decision around, held to a search by brute force through small random worlds.

`make flips` takes thousands of them, the tests a slice.
"""
