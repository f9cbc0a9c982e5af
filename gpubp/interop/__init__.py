"""Formats of other libraries on the host, each imported when it is asked for."""
