"""The multilayer perceptron of the notes: affine layers with an activation in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp.errors import ArgumentError
from gpubp.nn.activations import relu
from gpubp.nn.initialisers import Initialiser, default_weight
from gpubp.nn.keys import split
from gpubp.nn.linear import Linear
from gpubp.nn.module import Module, field
from gpubp.typing import Array


class MLP(Module):
    """``sizes[0]`` inputs to ``sizes[-1]`` outputs through layers of the sizes in between.

    ``activation`` follows every layer but the last; ``final_activation`` that one, if given.
    (..., sizes[0]) to (..., sizes[-1]).
    Raises :class:`~gpubp.errors.ArgumentError` for fewer than two sizes.

    >>> from gpubp import nn, random
    >>> model = nn.MLP([64, 32, 10], key=random.key(0, backend="numpy"))
    >>> nn.count_parameters(model)
    2410
    """

    layers: tuple[Linear, ...]
    activation: Callable[[Array], Array] = field(static=True)
    final_activation: Callable[[Array], Array] | None = field(static=True)

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        key: Any,
        activation: Callable[[Array], Array] = relu,
        final_activation: Callable[[Array], Array] | None = None,
        bias: bool = True,
        dtype: Any = "float32",
        weight_init: Initialiser = default_weight,
    ) -> None:
        if len(sizes) < 2:
            raise ArgumentError(
                f"MLP: sizes is {list(sizes)}; at least the inputs' and the outputs' are needed."
            )
        keys = split(key, len(sizes) - 1)
        self.layers = tuple(
            Linear(m, n, key=k, bias=bias, dtype=dtype, weight_init=weight_init)
            for m, n, k in zip(sizes[:-1], sizes[1:], keys, strict=True)
        )
        self.activation = activation
        self.final_activation = final_activation

    def __call__(self, x: Array) -> Array:
        for layer in self.layers[:-1]:
            x = layer(x, activation=self.activation)
        return self.layers[-1](x, activation=self.final_activation)
