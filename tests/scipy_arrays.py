"""SciPy takes arrays of any namespace only if it is told so before it is imported."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"
