"""The update rules that can be asked for by name."""

from __future__ import annotations

from gpubp import optim
from gpubp.optim import schedules
from gpubp.train.config import Config


def build_schedule(config: Config, steps: int) -> float | optim.Schedule:
    """The learning rate, or what it does over the ``steps`` updates of the whole run.

    All but constant look ahead to the run's end: a run that is made longer when it is resumed
    goes on with the rates of the longer run.
    """
    lr = config.lr
    assert lr is not None  # Config has resolved it
    if config.schedule == "constant":
        return lr
    return {
        "cosine": lambda: schedules.cosine_decay(lr, steps=steps),
        "linear": lambda: schedules.linear(lr, 0.0, steps=steps),
        "exponential": lambda: schedules.exponential_decay(lr, steps=steps, factor=0.01),
    }[config.schedule]()


def build_optimizer(
    config: Config, schedule: float | optim.Schedule
) -> optim.GradientTransformation:
    """Limit the gradient's norm, pull the weights towards zero, update."""
    decay = config.weight_decay or 0.0
    rule = {
        "sgd": lambda: optim.sgd(schedule),
        "momentum": lambda: optim.sgd(schedule, momentum=config.momentum),
        "nesterov": lambda: optim.sgd(schedule, momentum=config.momentum, nesterov=True),
        "adam": lambda: optim.adam(schedule),
        "adamw": lambda: optim.adamw(schedule, weight_decay=decay),
        "rmsprop": lambda: optim.rmsprop(schedule, momentum=config.momentum),
    }[config.optimizer]()
    parts = [rule]
    if decay and config.optimizer != "adamw":  # adamw decays apart from the gradient, by itself
        parts.insert(0, optim.add_decayed_weights(decay))
    if config.clip_norm:
        parts.insert(0, optim.clip_by_global_norm(config.clip_norm))
    return optim.chain(*parts)
