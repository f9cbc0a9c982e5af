"""NumPy's own functions and array methods, in terms of a namespace ``xp`` of the standard.

That is what ``np.tanh(x)``, ``np.add.reduce(x)``, ``np.concatenate([x, y])`` and ``x.sum(0)`` run
when ``x`` is not NumPy's but follows the standard.
"""

from gpubp_numpy.protocols.functions import array_function
from gpubp_numpy.protocols.methods import method
from gpubp_numpy.protocols.ufuncs import array_ufunc

__all__ = ["array_function", "array_ufunc", "method"]
