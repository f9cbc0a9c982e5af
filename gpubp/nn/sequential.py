"""Layers in a row, and the small pieces that fit between them."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gpubp.core import array_namespace
from gpubp.errors import ArgumentTypeError, ShapeError
from gpubp.nn.keys import split
from gpubp.nn.module import Module, field
from gpubp.typing import Array


class Identity(Module):
    """The input, unchanged: a placeholder for a layer.

    >>> Identity()(3.0)
    3.0
    """

    def __call__(self, x: Array) -> Array:
        return x


class Lambda(Module):
    """A function without parameters as a layer.

    >>> from gpubp import nn
    >>> Lambda(nn.relu)
    Lambda(function=relu)
    """

    function: Callable[[Array], Array] = field(static=True)

    def __call__(self, x: Array) -> Array:
        return self.function(x)


class Flatten(Module):
    """The last ``axes`` axes as one: with the default 3, (..., C, H, W) to (..., C * H * W).

    Counted from the end, so that it means the same for one example and for a batch.
    Raises :class:`~gpubp.errors.ShapeError` for an array with fewer axes.

    >>> import numpy as np
    >>> Flatten()(np.zeros((10, 3, 4, 4))).shape
    (10, 48)
    """

    axes: int = field(static=True, default=3)

    def __call__(self, x: Array) -> Array:
        if x.ndim < self.axes:
            raise ShapeError(
                f"Flatten: x has shape {tuple(x.shape)}, fewer than {self.axes} axes. "
                "Remedy: Flatten(axes=...) for another number of axes."
            )
        keep = x.ndim - self.axes
        shape = tuple(x.shape)
        return array_namespace(x).reshape(x, (*shape[:keep], math.prod(shape[keep:])))


class Sequential(Module):
    """One layer after the other; functions such as ``nn.relu`` stand among them as they are.

    A random ``key`` is split among the layers whose call takes one (``Dropout`` and the like);
    without it they are in inference mode. Layers with a state (``BatchNorm``) are given theirs
    of ``state``, from ``initial_state()`` or the call before, and ``training``: the result is then
    a pair, the new state its second part.
    Raises :class:`~gpubp.errors.ArgumentTypeError` for something that can't be called.

    >>> from gpubp import nn, random
    >>> k1, k2 = random.split(random.key(0, backend="numpy"), 2)
    >>> model = nn.Sequential([nn.Linear(4, 8, key=k1), nn.tanh, nn.Linear(8, 2, key=k2)])
    >>> len(model), model[1]
    (3, Lambda(function=tanh))
    """

    layers: tuple[Any, ...]

    def __init__(self, layers: Sequence[Any]) -> None:
        for index, layer in enumerate(layers):
            if not callable(layer):
                raise ArgumentTypeError(
                    f"Sequential: layers[{index}] is {layer!r}, which can't be called."
                )
        # A bare function as a field would be a leaf of the tree, and no array.
        self.layers = tuple(x if isinstance(x, Module) else Lambda(x) for x in layers)

    def __call__(
        self, x: Array, *, key: Any = None, state: Any = None, training: bool = False
    ) -> Any:
        options: list[dict[str, Any]] = [{} for _ in self.layers]
        if key is not None:
            # A class is hashable, which mypy asks lru_cache's arguments to prove.
            drawing = [i for i, layer in enumerate(self.layers) if takes_key(type(layer))]  # type: ignore[arg-type]
            for i, part in zip(drawing, split(key, len(drawing)), strict=True):
                options[i]["key"] = part
        if state is None:
            for layer, given in zip(self.layers, options, strict=True):
                x = layer(x, **given)
            return x
        states, kept = iter(state), []
        for layer, given in zip(self.layers, options, strict=True):
            if has_state(layer):
                x, new = layer(x, state=next(states), training=training, **given)
                kept.append(new)
            else:
                x = layer(x, **given)
        return x, tuple(kept)

    def initial_state(self) -> tuple[Any, ...]:
        """The states that the layers start from: of each that has one, in order."""
        return tuple(layer.initial_state() for layer in self.layers if has_state(layer))

    def __getitem__(self, index: int) -> Any:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)


def has_state(layer: Any) -> bool:
    """Whether a call of ``layer`` takes a state and returns the next one beside its result."""
    return hasattr(layer, "initial_state")


@functools.cache
def takes_key(layer: type) -> bool:
    """Whether calling an instance of this class takes a random key by keyword."""
    parameters = inspect.signature(layer.__call__).parameters
    return "key" in parameters and parameters["key"].kind is not inspect.Parameter.VAR_KEYWORD
