"""Learning-rate schedules: functions from the number of steps made to a learning rate.

The step is an integer array of shape (), as the optimisers keep it, and the rate a float64 array
beside it: array operations throughout, so that a recorded update follows its schedule when it is
replayed. A Python integer does too, and then the default backend computes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gpubp.core import array_namespace
from gpubp.core.backend import get_backend
from gpubp.errors import ArgumentError
from gpubp.optim.learning_rate import Schedule
from gpubp.typing import Array


def constant(value: float) -> Schedule:
    """Always ``value``: for joining with others.

    >>> float(constant(0.1)(7))
    0.1
    """
    return lambda step: 0 * _as_float(step) + value


def step_decay(value: float, *, every: int, factor: float) -> Schedule:
    """``value`` times ``factor`` after each ``every`` steps, in jumps.

    Raises :class:`~gpubp.errors.ArgumentError` unless every is positive.

    >>> schedule = step_decay(1.0, every=10, factor=0.5)
    >>> [float(schedule(step)) for step in (0, 9, 10, 20)]
    [1.0, 1.0, 0.5, 0.25]
    """
    _check_positive("step_decay", every=every)

    def schedule(step: Array) -> Array:
        t = _as_float(step)
        return value * factor ** array_namespace(t).floor(t / every)

    return schedule


def exponential_decay(value: float, *, steps: int, factor: float) -> Schedule:
    """``value`` times ``factor ** (step / steps)``: a factor ``factor`` every ``steps`` steps.

    Raises :class:`~gpubp.errors.ArgumentError` unless steps is positive.

    >>> schedule = exponential_decay(1.0, steps=10, factor=0.25)
    >>> [float(schedule(step)) for step in (0, 5, 10)]
    [1.0, 0.5, 0.25]
    """
    _check_positive("exponential_decay", steps=steps)
    return lambda step: value * factor ** (_as_float(step) / steps)


def cosine_decay(value: float, *, steps: int, final: float = 0.0) -> Schedule:
    """Half a cosine from ``value`` to ``final`` over ``steps`` steps, ``final`` from then on.

    Loshchilov and Hutter, arXiv:1608.03983, without restarts.
    Raises :class:`~gpubp.errors.ArgumentError` unless steps is positive.

    >>> schedule = cosine_decay(1.0, steps=10, final=0.5)
    >>> [round(float(schedule(step)), 6) for step in (0, 5, 10, 99)]
    [1.0, 0.75, 0.5, 0.5]
    """
    _check_positive("cosine_decay", steps=steps)

    def schedule(step: Array) -> Array:
        t = _as_float(step)
        xp = array_namespace(t)
        angle = xp.minimum(t / steps, 1.0) * math.pi
        return final + 0.5 * (value - final) * (1 + xp.cos(angle))

    return schedule


def linear(initial: float, final: float, *, steps: int) -> Schedule:
    """A straight line from ``initial`` to ``final`` over ``steps`` steps, ``final`` from then on.

    Raises :class:`~gpubp.errors.ArgumentError` unless steps is positive.

    >>> schedule = linear(0.0, 1.0, steps=4)
    >>> [float(schedule(step)) for step in (0, 1, 4, 9)]
    [0.0, 0.25, 1.0, 1.0]
    """
    _check_positive("linear", steps=steps)

    def schedule(step: Array) -> Array:
        t = _as_float(step)
        return initial + (final - initial) * array_namespace(t).minimum(t / steps, 1.0)

    return schedule


def join(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    """One schedule after the other; each counts its steps from the boundary where it begins.

    Raises :class:`~gpubp.errors.ArgumentError` unless there is one boundary between each two.

    >>> schedule = join([constant(1.0), constant(0.1)], [5])
    >>> [float(schedule(step)) for step in (4, 5)]
    [1.0, 0.1]
    """
    if len(boundaries) != len(schedules) - 1 or list(boundaries) != sorted(boundaries):
        raise ArgumentError(
            f"join: boundaries is {list(boundaries)}; {len(schedules) - 1} increasing integers are "
            f"needed between {len(schedules)} schedules."
        )

    def schedule(step: Array) -> Array:
        t = _as_float(step)
        rate = schedules[0](t)
        for later, boundary in zip(schedules[1:], boundaries, strict=True):
            rate = array_namespace(t).where(t < boundary, rate, later(t - boundary))
        return rate

    return schedule


def warm_up(schedule: Schedule, *, steps: int) -> Schedule:
    """``schedule`` times a line that climbs from 1 / steps at the first step to 1.

    The first step already moves; ``schedule`` counts from the very beginning.
    Raises :class:`~gpubp.errors.ArgumentError` unless steps is positive.

    >>> schedule = warm_up(constant(1.0), steps=4)
    >>> [float(schedule(step)) for step in (0, 1, 3, 9)]
    [0.25, 0.5, 1.0, 1.0]
    """
    _check_positive("warm_up", steps=steps)

    def warmed(step: Array) -> Array:
        t = _as_float(step)
        return schedule(t) * array_namespace(t).minimum((t + 1) / steps, 1.0)

    return warmed


def _as_float(step: Array) -> Array:
    """The step as float64: float32 would lose count after 2^24 steps."""
    if type(step) in (int, float):  # and not a NumPy scalar, which is a float too
        xp = get_backend().xp
        return xp.asarray(step, dtype=xp.float64)
    xp = array_namespace(step)
    return xp.astype(step, xp.float64, copy=False)


def _check_positive(owner: str, **arguments: int) -> None:
    for name, value in arguments.items():
        if not value > 0:
            raise ArgumentError(f"{owner}: {name} is {value}; it must be positive.")
