"""Statistics of the training part alone: per feature of a table, per channel of images."""

import numpy as np
import pytest

from gpubp.data import Standardizer


@pytest.mark.parametrize(
    ("shape", "axes", "kept"),
    [((50, 3), 0, (3,)), ((50, 4, 5), (0, 1, 2), (1, 1)), ((50, 2, 4, 5), (0, 2, 3), (2, 1, 1))],
)
def test_mean_and_variance(shape, axes, kept):
    x = np.random.default_rng(0).normal(3, 7, shape)
    standardize = Standardizer.fit(x)
    z = standardize(x)
    assert standardize.mean.shape == standardize.scale.shape == kept
    np.testing.assert_allclose(z.mean(axes), 0, atol=1e-12)
    np.testing.assert_allclose(z.std(axes), 1, atol=1e-12)


def test_constant_features_and_dtypes():
    x = np.full((10, 2), 0.1)
    x[:, 1] = np.arange(10)
    z = Standardizer.fit(x)(x, np.float32)
    assert z.dtype == np.float32
    assert abs(z[:, 0]).max() < 1e-6
    bytes_ = np.full((4, 2, 2), 255, np.uint8)
    bytes_[0] = 0
    assert Standardizer.fit(bytes_).mean.item() == pytest.approx(191.25)
