"""Closed forms and errors of `fft`."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import gpubp
from gpubp import errors

RNG = np.random.default_rng(6)
X = RNG.uniform(-1, 1, (3, 4))
Z = X + 1j * RNG.uniform(-1, 1, (3, 4))
NORMS = ["backward", "ortho", "forward"]


def fft(x):
    return x.__array_namespace__().fft


def pulled(f, x, ct):
    return gpubp.vjp(f, x)[1](ct)[0]


def matrix(f, n):
    """Of a linear function of n numbers: its columns."""
    return np.stack([f(e) for e in np.eye(n)], axis=1)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["fft", "ifft"])
def test_complex_transforms_are_symmetric(name, norm):
    """No conjugation: the transpose of a transform is itself."""
    found = pulled(lambda x: getattr(fft(x), name)(x, norm=norm), Z, Z[::-1])
    assert_allclose(found, getattr(np.fft, name)(Z[::-1], norm=norm), atol=1e-14)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [4, 5])
def test_transposes_of_real_transforms_are_those_of_their_matrices(n, norm):
    x, half = RNG.uniform(-1, 1, n), np.fft.rfft(RNG.uniform(-1, 1, n))
    rfft = matrix(lambda e: np.fft.rfft(e, norm=norm), n)
    found = pulled(lambda x: fft(x).rfft(x, norm=norm), x, half)
    assert_allclose(found, np.real(rfft.T @ half), atol=1e-14)
    of_real = matrix(lambda e: np.fft.irfft(e, n=n, norm=norm), n // 2 + 1)
    of_imaginary = matrix(lambda e: np.fft.irfft(1j * e, n=n, norm=norm), n // 2 + 1)
    found = pulled(lambda z: fft(z).irfft(z, n=n, norm=norm), half, x)
    assert_allclose(found, of_real.T @ x - 1j * (of_imaginary.T @ x), atol=1e-14)


def test_a_real_array_has_a_real_cotangent():
    found = pulled(lambda x: fft(x).fft(x), X, Z)
    assert found.dtype == X.dtype
    assert_allclose(found, np.real(np.fft.fft(Z)), atol=1e-14)


@pytest.mark.parametrize("d", [0.5, np.asarray(0.5)])
def test_frequencies_are_differentiable_in_the_spacing(d):
    assert_allclose(gpubp.jvp(lambda x: fft(x).fftfreq(5, d=d) * x, (X[0, 0],), (X[0, 1],))[0],
                    np.fft.fftfreq(5, 0.5) * X[0, 0], atol=1e-15)  # fmt: skip

    def f(d):
        return fft(d).rfftfreq(5, d=d)

    slope = gpubp.jvp(f, (np.asarray(0.5),), (np.asarray(1.0),))[1]
    assert_allclose(slope, -np.fft.rfftfreq(5, 0.5) / 0.5, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: fft(x).fft(x, norm="unitary"), "fft.fft: norm='unitary'; use 'backward'"),
        (lambda x: fft(x).rfft(x, n=0), "fft.rfft: 0 elements along axis 1"),
        (lambda x: fft(x).irfft(x[:, :1]), "fft.irfft: 0 elements along axis 1"),
        (lambda x: fft(x).fftn(x, s=(2, 2), axes=(0,)), r"fft.fftn: s=\(2, 2\) and axes=\(0,\)"),
        (lambda x: fft(x).ifft(x, axis=2), "fft.ifft: axis 2 is out of range"),
    ],
)
def test_errors(call, message):
    with pytest.raises(errors.ArgumentError, match=message):
        gpubp.vjp(call, X)
