"""What NumPy does better than the general rules; the names are the backend protocol's."""

from gpubp_numpy.kernels import indexing, partials, standard

KERNELS = {**standard.KERNELS, **indexing.KERNELS, **partials.KERNELS}
