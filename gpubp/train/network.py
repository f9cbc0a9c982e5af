"""The networks that can be asked for by name."""

from __future__ import annotations

import math
from typing import Any

from gpubp import nn, random
from gpubp.train.config import Config


def build_network(config: Config, shape: tuple[int, ...], classes: int, key: Any) -> nn.Sequential:
    """A network from examples of ``shape`` (as the data has it) to a logit per class.

    mlp: (batch, features) through ``hidden``. cnn: (batch, channels, height, width) through a
    3 x 3 convolution and a halving of the image for each of ``channels``, then as mlp.
    """
    layers: list[Any] = []
    convolutions = config.channels if config.model == "cnn" else ()
    keys = iter(random.split(key, len(convolutions) + len(config.hidden) + 1))
    activation = getattr(nn, config.activation)
    if config.model == "cnn":
        channels, height, width = shape if len(shape) == 3 else (1, *shape)
        for out in convolutions:
            # An axis that has shrunk to a single pixel can't be halved.
            window = (min(height, 2), min(width, 2))
            layers += [
                nn.Conv2d(channels, out, 3, padding="same", key=next(keys), dtype=config.dtype),
                activation,
                nn.MaxPool2d(window),
            ]
            channels, height, width = out, max(height // 2, 1), max(width // 2, 1)
        layers.append(nn.Flatten())
        features = channels * height * width
    else:
        features = math.prod(shape)
    for width in config.hidden:
        layers += [nn.Linear(features, width, key=next(keys), dtype=config.dtype), activation]
        if config.dropout:
            layers.append(nn.Dropout(config.dropout))
        features = width
    layers.append(nn.Linear(features, classes, key=next(keys), dtype=config.dtype))
    return nn.Sequential(layers)


def describe_network(config: Config, shape: tuple[int, ...], classes: int) -> str:
    """The sizes of the layers in one line.

    >>> describe_network(Config(hidden=(32,)), (8, 8), 10)
    'mlp 8x8-32-10'
    """
    sizes = ["x".join(map(str, shape))]
    if config.model == "cnn":
        sizes += [f"{channels}c" for channels in config.channels]
    sizes += map(str, [*config.hidden, classes])
    return f"{config.model} {'-'.join(sizes)}"
