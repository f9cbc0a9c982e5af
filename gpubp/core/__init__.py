"""The machinery under every rule and transformation; imports nothing else of the library."""

from gpubp.core.array import Array
from gpubp.core.namespace import array_namespace

__all__ = ["Array", "array_namespace"]
