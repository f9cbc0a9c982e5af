"""Layers and models: trees of arrays with pure calls."""

from gpubp.nn import initialisers
from gpubp.nn.activations import (
    elu,
    gelu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)
from gpubp.nn.attention import MultiHeadAttention, dot_product_attention
from gpubp.nn.conv2d import Conv2d
from gpubp.nn.dropout import Dropout
from gpubp.nn.embedding import Embedding
from gpubp.nn.layer_norm import LayerNorm
from gpubp.nn.linear import Linear
from gpubp.nn.mlp import MLP
from gpubp.nn.module import Module, count_parameters, field, replace
from gpubp.nn.pooling import AvgPool2d, MaxPool2d
from gpubp.nn.sequential import Flatten, Identity, Lambda, Sequential

__all__ = [
    "MLP",
    "AvgPool2d",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "Lambda",
    "LayerNorm",
    "Linear",
    "MaxPool2d",
    "Module",
    "MultiHeadAttention",
    "Sequential",
    "count_parameters",
    "dot_product_attention",
    "elu",
    "field",
    "gelu",
    "hard_tanh",
    "initialisers",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "replace",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]
