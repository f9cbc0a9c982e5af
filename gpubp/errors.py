"""The library's own errors; each is also the standard class that a user would catch."""


class GpubpError(Exception):
    """Base class of every error that this library raises on purpose."""
