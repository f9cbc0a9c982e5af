"""Convolution and pooling, of which the standard has nothing."""

from cases.draw import distinct, reals
from cases.row import case, row
from gpubp import nn


def convolution(**options):
    return lambda xp, x, w: nn.convolution(x, w, **options)


def transposed(**options):
    return lambda xp, y, w: nn.convolution_transpose(y, w, **options)


def layer(made):
    return lambda xp, x: made(x)


ROWS = [
    row(
        "convolution",
        case("sequence", convolution(), reals(2, 3, 5), reals(2, 3, 2)),
        case("stride", convolution(stride=(2, 1)), reals(1, 2, 5, 4), reals(2, 2, 2, 3)),
        case(
            "everything",
            convolution(stride=(1, 2), padding=((2, 1), (0, 3)), dilation=(2, 1), groups=2),
            reals(2, 4, 3, 4),
            reals(2, 2, 2, 2),
        ),
        case("wide padding", convolution(padding=2), reals(1, 2, 2, 3), reals(1, 2, 2, 2)),
        case("volume", convolution(stride=2), reals(1, 1, 3, 2, 3), reals(2, 1, 2, 1, 2)),
        case("many channels", convolution(padding=(1, 0)), reals(1, 8, 3, 4), reals(1, 8, 2, 3)),
        case(
            "many channels, stride",
            convolution(stride=(2, 3), padding=((0, 1), (2, 1)), dilation=(1, 2)),
            reals(2, 8, 3, 4),
            reals(8, 8, 2, 2),
        ),
        case("one by one", convolution(), reals(2, 3, 2, 2), reals(2, 3, 1, 1)),
        case("no batch axis", convolution(), reals(2, 3), reals(1, 2, 2)),
        case("no images", convolution(), reals(0, 2, 3), reals(1, 2, 2)),
        complex=True,
    ),
    row(
        "convolution_transpose",
        case("sequence", transposed(stride=2, extra=1), reals(2, 2, 3), reals(2, 3, 2)),
        case(
            "everything",
            transposed(stride=(1, 2), padding=((1, 0), (1, 2)), dilation=(2, 1), groups=2),
            reals(1, 4, 3, 3),
            reals(4, 1, 2, 3),
        ),
        case("same", transposed(stride=(1, 2), padding="same"), reals(8, 2, 2), reals(8, 2, 3, 2)),
        complex=True,
    ),
    row(
        "max_windows",
        case("apart", layer(nn.MaxPool2d(2)), distinct(2, 4, 5)),
        case(
            "overlapping",
            layer(nn.MaxPool2d((3, 2), stride=(2, 1), padding=1)),
            distinct(2, 1, 4, 3),
        ),
        case("sequence", layer(nn.MaxPool1d(3, stride=1)), distinct(1, 5)),
        case("no images", layer(nn.MaxPool1d(2)), distinct(0, 3)),
    ),
    row(
        "sum_windows",
        case("apart", layer(nn.AvgPool2d(2)), reals(2, 4, 5)),
        case(
            "overlapping",
            layer(nn.AvgPool2d((3, 2), stride=(2, 1), padding=((0, 1), (1, 1)))),
            reals(2, 1, 4, 3),
        ),
        case("volume", layer(nn.AvgPool3d((1, 2, 2), stride=1)), reals(1, 2, 2, 3)),
        complex=True,
    ),
]
