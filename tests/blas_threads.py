"""One BLAS thread for each test process, when imported before NumPy.

Small products on two threads in each of several processes are slower than on one thread each, and
much slower on a busy machine.
"""

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
