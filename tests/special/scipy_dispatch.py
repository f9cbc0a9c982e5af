"""Runs in a process of its own, as SciPy reads SCIPY_ARRAY_API once: every function that SciPy
dispatches, called on a traced array, is ours.

Prints a line for each that is not, or whose value or derivative is off; the test wants none.
"""

import os
import sys
import warnings
from pathlib import Path

os.environ["SCIPY_ARRAY_API"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import scipy.special
from scipy.special import _support_alternative_backends as dispatched

import gpubp
import libraries

warnings.simplefilter("ignore")
X = np.linspace(0.3, 0.8, 3)

# The arguments made of x; what is not here takes x, then x + 1, ...
ARGUMENTS = {
    **dict.fromkeys(("bdtr", "bdtrc", "bdtri", "nbdtr", "nbdtrc", "nbdtri"), lambda x: (1, 4, x)),
    **dict.fromkeys(("betainc", "betaincc", "betaincinv"), lambda x: (x + 1, x + 2, x)),
    **dict.fromkeys(("expn", "pdtri", "polygamma", "yn"), lambda x: (2, x)),
    **dict.fromkeys(("gammaincinv", "gammainccinv", "chdtri", "stdtrit"), lambda x: (x + 1, x)),
    "binom": lambda x: (x + 2, x),
    "fdtri": lambda x: (x + 1, x + 2, x),
    "hyp1f1": lambda x: (1.5, 2.5, x),
    "lpmv": lambda x: (0, 2, x),
    "multigammaln": lambda x: (x + 2, 2),
    "pdtr": lambda x: (2, x),
    "pdtrc": lambda x: (2, x),
    "zeta": lambda x: (x + 2, x),
    "zetac": lambda x: (x + 2,),
}
COUNTS = {f.name: f.n_args for f in dispatched._special_funcs}
# Not dispatched: SciPy's own code for any array.
GENERIC = {"logsumexp": 1, "softmax": 1, "log_softmax": 1}


def check(library: libraries.Library, name: str, count: int) -> str:
    """What is wrong with a function, or nothing."""

    def f(x):
        args = ARGUMENTS.get(name, lambda x: [x + i for i in range(count)])(x)
        return getattr(scipy.special, name)(*args)

    x = library.asarray(X)
    try:
        y, t = gpubp.jvp(f, (x,), (library.xp.ones_like(x),))
        (back,) = gpubp.vjp(f, x)[1](
            library.xp.ones_like(x) if y.shape else library.xp.ones_like(y)
        )
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    step = 1e-5
    quotient = (f(X + step) - f(X - step)) / (2 * step)
    total = library.to_numpy(t) if count and name not in GENERIC else None
    if not np.allclose(library.to_numpy(y), f(X), rtol=1e-12):
        return f"value {y}, SciPy has {f(X)}"
    if not np.allclose(library.to_numpy(t), quotient, rtol=1e-6, atol=1e-8):
        return f"tangent {t}, difference quotient {quotient}"
    if total is not None and not np.allclose(library.to_numpy(back), total, rtol=1e-12):
        return f"cotangent {back}, tangent {t}"
    return ""


if __name__ == "__main__":
    library = libraries.get(sys.argv[1])
    for name, count in {**COUNTS, "digamma": 1, **GENERIC}.items():
        wrong = check(library, name, count)
        if wrong:
            print(f"{name}: {wrong}")
