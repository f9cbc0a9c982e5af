"""Optimisers: pairs of pure functions over trees of arrays."""

from gpubp.optim import schedules
from gpubp.optim.adam import AdamState, adam, scale_by_adam
from gpubp.optim.adamw import adamw
from gpubp.optim.apply import apply_updates
from gpubp.optim.clipping import clip_by_global_norm, global_norm
from gpubp.optim.learning_rate import Schedule, scale, scale_by_learning_rate
from gpubp.optim.rmsprop import rmsprop, scale_by_rms
from gpubp.optim.sgd import sgd, trace
from gpubp.optim.transformation import GradientTransformation, chain, stateless
from gpubp.optim.weight_decay import add_decayed_weights

__all__ = [
    "AdamState",
    "GradientTransformation",
    "Schedule",
    "adam",
    "adamw",
    "add_decayed_weights",
    "apply_updates",
    "chain",
    "clip_by_global_norm",
    "global_norm",
    "rmsprop",
    "scale",
    "scale_by_adam",
    "scale_by_learning_rate",
    "scale_by_rms",
    "schedules",
    "sgd",
    "stateless",
    "trace",
]
