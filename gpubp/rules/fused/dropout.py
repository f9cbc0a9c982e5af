"""Dropout: elements kept by the bits of the counter generator, and scaled, in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpubp.core.primitive import Needed, Tangents
from gpubp.rules.elementwise import less, where
from gpubp.rules.families import materialize, shape_only
from gpubp.rules.fused.composite import Composite
from gpubp.rules.philox import random_bits

BITS = 30  # of each element, as in random.bernoulli


def threshold(rate: float) -> int:
    """What an element's bits must be below for it to be kept."""
    return round((1 - rate) * 2**BITS)


def _kept(key: Any, shape: tuple[int, ...], rate: float) -> Any:
    return less(random_bits(key, shape=shape, nbits=BITS), threshold(rate))


def _dropout(x: Any, key: Any, *, rate: float) -> tuple[Any, Any]:
    kept = _kept(key, tuple(x.shape[len(key.shape) - 1 :]), rate)
    return where(kept, x / (1 - rate), 0.0), kept


# As if only now elements were dropped: the derivative, both ways.
dropout_slope = Composite(
    "dropout_slope", lambda t, kept, *, rate: where(kept, t / (1 - rate), 0.0)
)


class _Dropout(Composite):
    """``(y, kept)`` for ``x`` and a key; for an array of keys, ``x`` has its axes in front."""

    multiple_results = True

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return dropout_slope(tangents[0], y[1], **params), None

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        return [dropout_slope(ct[0], y[1], **params), None]

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[Sequence[Any], Any]:
        return [shape_only(a) for a in args], (shape_only(y[0]), y[1])

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        x, key = args
        if batched[1]:
            return self(materialize(x, batched[0], size), key, **params), True
        # One key for all examples: they lose the same elements.
        kept = _kept(key, tuple(x.shape[len(key.shape) :]), params["rate"])
        kept = materialize(kept, False, size)
        return (dropout_slope(x, kept, **params), kept), True


dropout_p = _Dropout("dropout", _dropout)
