"""One update, and one look at examples that are not learnt from: both pure functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpubp import losses, optim, random
from gpubp.core import array_namespace, tree
from gpubp.transforms.grad import value_and_grad


@tree.register
@dataclass(frozen=True)
class State:
    """All that an update changes.

    ``key`` is the random key of the updates to come, or None for a network without dropout.
    ``totals`` holds the sum of the losses and the number of right answers in this epoch so far;
    both stay on the device, because reading them would make every update wait for it.
    """

    model: Any
    optimizer: Any
    key: Any
    totals: Any


def totals(model: Any, x: Any, y: Any, key: Any, smoothing: float) -> tuple[Any, Any]:
    """The mean loss of a batch, and its sum with the number of right answers, shape (2,)."""
    xp = array_namespace(x)
    logits = model(x, key=key)
    loss = losses.cross_entropy(logits, y, label_smoothing=smoothing)
    right = xp.sum(xp.astype(xp.argmax(logits, axis=-1) == y, loss.dtype))
    return loss, xp.stack([loss * x.shape[0], right])


def make_step(
    optimizer: optim.GradientTransformation, smoothing: float
) -> Callable[[State, Any, Any], State]:
    """The function from a state and a batch to the next state."""

    def objective(model: Any, x: Any, y: Any, key: Any) -> tuple[Any, Any]:
        return totals(model, x, y, key, smoothing)

    differentiate = value_and_grad(objective, has_aux=True)

    def step(state: State, x: Any, y: Any) -> State:
        key, now = (None, None) if state.key is None else random.split(state.key, 2)
        (_, counted), gradients = differentiate(state.model, x, y, now)
        updates, memory = optimizer.update(gradients, state.optimizer, state.model)
        model = optim.apply_updates(state.model, updates)
        return State(model, memory, key, state.totals + counted)

    return step
