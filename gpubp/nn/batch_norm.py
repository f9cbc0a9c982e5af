"""Batch normalisation, its running statistics an explicit state."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from gpubp.core import array_namespace
from gpubp.core.array import Array as TracedArray
from gpubp.errors import ArgumentError, ExampleMixingError, ShapeError
from gpubp.nn.conv import over_channels
from gpubp.nn.initialisers import ones, zeros
from gpubp.nn.module import Module, field
from gpubp.nn.normalisation import check_channels, check_epsilon
from gpubp.transforms.vmap import BatchTrace
from gpubp.typing import Array


class BatchNormState(NamedTuple):
    """Running mean and (unbiased) variance of each channel, shape (C,)."""

    mean: Array
    variance: Array


class BatchNorm(Module):
    """Each channel with zero mean and unit variance over the batch and all places.

    Batches are (N, C, *S) with ``rank`` axes S (0 for plain features); ``weight`` (ones) and
    ``bias`` (zeros) have a number for each channel. ``key`` only decides where these live.

    The running statistics are no parameters (an optimiser would decay them) and nothing is hidden:
    a call takes them and returns them beside its result. With ``training=True`` it normalises by
    the batch's own and returns moved ones, state + momentum (batch - state); without, it uses those
    it is given. ``Sequential`` hands ``state`` to its layers, and ``has_aux`` carries it out of
    a loss. Ioffe and Szegedy, arXiv:1502.03167.

    In training an example's result depends on the others', which has no per-example gradient:
    under ``vmap`` over the batch it raises :class:`~gpubp.errors.ExampleMixingError`.
    Raises :class:`~gpubp.errors.ArgumentError` for arguments that can't be or a missing state, and
    :class:`~gpubp.errors.ShapeError` for batches of other channels.

    >>> import numpy as np
    >>> from gpubp import nn, random
    >>> norm = nn.BatchNorm(2, rank=0, key=random.key(0, backend="numpy"), momentum=0.5)
    >>> x = np.asarray([[1.0, 5.0], [3.0, 5.0]], dtype=np.float32)
    >>> y, state = norm(x, norm.initial_state(), training=True)
    >>> y.round(3).tolist(), state.mean.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [1.0, 2.5])
    >>> y, _ = norm(x, state)  # inference
    """

    weight: Array
    bias: Array
    channels: int = field(static=True)
    rank: int = field(static=True)
    momentum: float = field(static=True)
    epsilon: float = field(static=True)

    def __init__(
        self,
        channels: int,
        *,
        rank: int = 2,
        key: Any,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        dtype: Any = "float32",
    ) -> None:
        if not 0 < momentum <= 1:
            raise ArgumentError(
                f"BatchNorm: momentum is {momentum}; the weight of the newest batch must be above "
                "0 and at most 1."
            )
        check_epsilon("BatchNorm", epsilon, "a constant channel")
        self.channels, self.rank, self.momentum, self.epsilon = channels, rank, momentum, epsilon
        self.weight = ones(key, (channels,), dtype)
        self.bias = zeros(key, (channels,), dtype)

    def initial_state(self) -> BatchNormState:
        """Mean 0 and variance 1."""
        xp = array_namespace(self.weight)
        return BatchNormState(xp.zeros_like(self.weight), xp.ones_like(self.weight))

    def __call__(
        self, x: Array, state: BatchNormState | None = None, *, training: bool = False
    ) -> tuple[Array, BatchNormState]:
        if state is None:
            raise ArgumentError(
                "BatchNorm: state is missing. Remedy: start from initial_state() of this layer or "
                "of the Sequential around it, pass it in, and keep what is returned."
            )
        if training:
            check_whole_batch(x, self.rank)
        shape = tuple(x.shape)
        first = check_channels("BatchNorm", x, self.channels, self.rank, "N")
        xp = array_namespace(x, self.weight, *state)
        if training:
            axes = (*range(first), *range(first + 1, len(shape)))
            mean = xp.mean(x, axis=axes)
            centred = xp.subtract(x, over_channels(mean, self.rank))
            variance = xp.mean(centred * centred, axis=axes)
            state = self._moved(state, mean, variance, math.prod(shape) // self.channels)
        else:
            mean, variance = state
            centred = xp.subtract(x, over_channels(mean, self.rank))
        scale = xp.divide(self.weight, xp.sqrt(variance + self.epsilon))
        y = xp.multiply(centred, over_channels(scale, self.rank))
        return xp.add(y, over_channels(self.bias, self.rank)), state

    def _moved(
        self, state: BatchNormState, mean: Array, variance: Array, count: int
    ) -> BatchNormState:
        if count < 2:
            raise ShapeError(
                "BatchNorm: a batch with one number for each channel has no variance to train "
                "with. Remedy: larger batches, or nn.GroupNorm."
            )
        unbiased = variance * (count / (count - 1))
        xp = array_namespace(mean, *state)
        step = self.momentum
        return BatchNormState(
            xp.add(state.mean, xp.subtract(mean, state.mean) * step),
            xp.add(state.variance, xp.subtract(unbiased, state.variance) * step),
        )


def check_whole_batch(x: Array, rank: int) -> None:
    """Raise where statistics over a batch are asked for, and ``x`` is one example under vmap.

    A batch under vmap is no example: that is how an ensemble of models is trained.
    """
    ndim = len(x.shape)
    missing = ndim < rank + 2
    if (missing or x.shape[0] == 1) and _is_mapped(x):
        raise ExampleMixingError(
            f"BatchNorm: x is one example (shape {tuple(x.shape)}) of a batch that vmap, or "
            "per_example, maps over. In training BatchNorm normalises by statistics of the whole "
            "batch: the examples are mixed, and no gradient belongs to one of them. Remedy: "
            "nn.GroupNorm, which treats each example by itself; or training=False, which uses "
            "the running statistics."
        )
    if missing:
        raise ShapeError(
            f"BatchNorm: x has shape {tuple(x.shape)}; to train, a batch (N, C, *S) with {rank} "
            "axes S is needed."
        )


def _is_mapped(x: Any) -> bool:
    """Whether a vmap that is under way gives each example an array of its own in place of x."""
    while type(x) is TracedArray:
        if type(x._trace) is BatchTrace and x._extra:
            return True
        x = x._value
    return False
