"""Transformations of functions: a trace, an entry point, and nothing else, one file each."""
