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
from gpubp.nn.adaptive_pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
)
from gpubp.nn.attention import MultiHeadAttention, dot_product_attention
from gpubp.nn.batch_norm import BatchNorm, BatchNormState
from gpubp.nn.conv import Conv1d, Conv2d, Conv3d
from gpubp.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from gpubp.nn.convolution import convolution, convolution_transpose
from gpubp.nn.dropout import Dropout
from gpubp.nn.embedding import Embedding
from gpubp.nn.group_norm import GroupNorm
from gpubp.nn.layer_norm import LayerNorm
from gpubp.nn.linear import Linear
from gpubp.nn.mlp import MLP
from gpubp.nn.module import Module, count_parameters, field, replace
from gpubp.nn.pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from gpubp.nn.rms_norm import RMSNorm
from gpubp.nn.sequential import Flatten, Identity, Lambda, Sequential

__all__ = [
    "MLP",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm",
    "BatchNormState",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "Identity",
    "Lambda",
    "LayerNorm",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "MultiHeadAttention",
    "RMSNorm",
    "Sequential",
    "convolution",
    "convolution_transpose",
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
