"""What has no form as code."""


class Unsupported(Exception):
    """A term that has no fast form."""
