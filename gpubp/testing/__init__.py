"""Checks for users' own functions: derivatives against differences, backends against each other."""

from gpubp.testing.backends import check_backends
from gpubp.testing.grads import check_grads
from gpubp.testing.sparsity import check_sparsity

__all__ = ["check_backends", "check_grads", "check_sparsity"]
