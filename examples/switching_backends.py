"""One function on every array library that works here, with the same numbers."""

import os

import numpy as np
from _show import heading

import gpubp

heading("What is there")
for name, status in gpubp.available_backends().items():
    what = ", ".join(status.devices) if status.usable else f"unusable: {status.reason}"
    print(f"  {name:<8} {what}")

heading("One function, on each of them")


def energy(x):
    """Names no library: the namespace comes with the array."""
    xp = x.__array_namespace__()
    return xp.sum(xp.exp(-(x**2)) * xp.cos(3 * x))


points = np.linspace(-2.0, 2.0, 101)
closed_form = -2 * points * np.exp(-(points**2)) * np.cos(3 * points)
closed_form -= 3 * np.exp(-(points**2)) * np.sin(3 * points)
for name, status in gpubp.available_backends().items():
    if not status.usable:
        continue
    backend = gpubp.get_backend(name)
    x = backend.asarray(points)  # on this backend's device
    gradient = gpubp.grad(energy)(x)  # and so is the gradient
    assert type(gradient) is type(x), f"{name}: {type(gradient)}"
    error = np.max(np.abs(backend.to_numpy(gradient) - closed_form))
    print(f"  {name:<8} {type(gradient).__module__}.{type(gradient).__name__}: error {error:.1e}")
    assert error < 1e-12, f"{name}: {error}"

heading("A default, for numbers that belong to no library yet")
with gpubp.use_backend("numpy") as backend:
    slope = gpubp.grad(lambda x: x**3)(2.0)
    print(f"  in the block: {backend.name} computes d/dx x^3 at 2 = {float(slope)}")
    assert float(slope) == 12
wanted = os.environ.get("GPUBP_BACKEND", "auto")
print(f"  outside: {gpubp.get_backend().name} (GPUBP_BACKEND is {wanted!r})")

heading("A backend that is named but can't run says why")
for name, status in gpubp.available_backends().items():
    if not status.usable:
        try:
            gpubp.get_backend(name)
        except gpubp.errors.BackendUnavailableError as error:
            print(f"  {error}")
try:
    gpubp.get_backend("nympy")
except gpubp.errors.UnknownBackendError as error:
    print(f"  {error}")
