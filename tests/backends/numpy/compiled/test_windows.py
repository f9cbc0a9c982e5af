"""Convolution and pooling as steps of a native segment, against NumPy's kernels for them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import gpubp
from gpubp import nn
from gpubp.compiler.program import Operation, Value
from gpubp.core import tree
from gpubp.core.namespace import namespace_of
from gpubp.core.primitive import PRIMITIVES
from gpubp.nn.windows import Windows, windows_over
from gpubp_numpy import native
from gpubp_numpy.compiled.windows import recipe

if not (native.available() and native.products()):
    pytest.skip("llvmlite, or a BLAS that it can call, is missing", allow_module_level=True)

RNG = np.random.default_rng(0)
PAIRS = {
    "plain": ((6, 7), (3, 3), (1, 1), (1, 1), 0),
    "padded": ((6, 7), (3, 2), (1, 1), (1, 1), ((1, 1), (0, 2))),
    "stride": ((6, 7), (2, 3), (2, 3), (1, 1), ((0, 1), (1, 1))),
    "stride across": ((5, 8), (3, 3), (1, 2), (1, 1), ((1, 1), (1, 0))),
    "dilation": ((7, 8), (2, 3), (1, 1), (3, 2), ((2, 0), (1, 4))),
    "wide padding": ((3, 4), (2, 2), (1, 1), (1, 1), ((3, 2), (0, 3))),
    "one by one": ((4, 5), (1, 1), (1, 1), (1, 1), 0),
    "line": ((9,), (3,), (2,), (1,), ((1, 2),)),
}


def over(name: str) -> Windows:
    size, kernel, stride, dilation, padding = PAIRS[name]
    return windows_over("test", size, kernel, stride, dilation, padding or ((0, 0),) * len(size))


def compiled(name: str, windows: Windows, *arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By the recipe, in buffers full of NaN; and by the kernel."""
    expected = PRIMITIVES[name](*arrays, windows=windows)
    home = namespace_of(arrays[0])
    values = [Value(a.shape, a.dtype, home) for a in (*arrays, expected)]
    operation = Operation(PRIMITIVES[name], tuple(values[:-1]), {"windows": windows}, (values[-1],))
    found = recipe(operation)
    assert found is not None
    out, work = np.full_like(expected, np.nan), np.full(found.work, np.nan, expected.dtype)
    buffers = [*arrays, out, work]
    table = np.array([b.ctypes.data for b in buffers], np.uintp)
    native.segment(found.calls)(table.ctypes.data)
    return out, expected


def draw(*shape: int, dtype: str = "float64") -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


@pytest.mark.parametrize(("images", "groups"), [(3, 1), (1, 1), (1, 3)])
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("name", PAIRS)
def test_convolution(name: str, channels: int, images: int, groups: int) -> None:
    """Of 5 channels only the columns of a window are laid out, of 1 whole windows."""
    windows = over(name)
    x = draw(images, groups, channels, *windows.size)
    w = draw(groups, 4, channels, *windows.kernel)
    y = draw(images, groups, 4, *windows.number)
    for primitive, arrays in {
        "convolution": (x, w),
        "convolution_input": (w, y),
        "convolution_weight": (x, y),
    }.items():
        found, expected = compiled(primitive, windows, *arrays)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=primitive)


@pytest.mark.parametrize("images", [1, 4])
@pytest.mark.parametrize("name", PAIRS)
def test_convolution_of_each_channel_by_itself(name: str, images: int) -> None:
    windows = over(name)
    x, w = draw(images, 5, 1, *windows.size), draw(5, 1, 1, *windows.kernel)
    y = draw(images, 5, 1, *windows.number)
    calls = {"convolution": (x, w), "convolution_weight": (x, y)}
    if set(windows.stride) == {1} or images == 1:
        calls["convolution_input"] = (w, y)
    for primitive, arrays in calls.items():
        found, expected = compiled(primitive, windows, *arrays)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=primitive)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 3), (2, 3), (3, 1), (1, 1)])
def test_pooling(kernel: int, stride: int, dtype: str) -> None:
    """Of images that the windows cover, and of some that they don't; with ties."""
    for size in itertools.product((6, 7), (6, 19)):
        windows = windows_over("test", size, (kernel,) * 2, (stride,) * 2, (1, 1), ((0, 0),) * 2)
        x = np.maximum(draw(2, 3, *size, dtype=dtype), 0)
        for name in ("max_windows", "sum_windows"):
            found, expected = compiled(name, windows, x)
            np.testing.assert_allclose(found, expected, rtol=1e-6)
        if kernel <= stride:
            y = PRIMITIVES["max_windows"](x, windows=windows)
            ct = draw(*y.shape, dtype=dtype)
            found, expected = compiled("place_max_windows", windows, ct, x, y)
            np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_whole_step_is_one_native_call(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def segment(calls: Any, background: bool) -> native.Segment:
        made.append(native.Segment(calls))  # compiled here and now
        return made[-1]

    monkeypatch.setattr(native, "segment", segment)
    key = gpubp.random.key(0, backend="numpy")
    model = nn.Sequential(
        [
            nn.Conv2d(2, 3, 3, padding="same", key=key),
            nn.relu,
            nn.MaxPool2d(2),
            nn.Conv2d(3, 4, 3, key=key),
            nn.relu,
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16, 3, key=key),
        ]
    )
    x, y = draw(4, 2, 12, 12, dtype="float32"), draw(4, 3, dtype="float32")

    def loss(model: Any, x: Any, y: Any) -> Any:
        return gpubp.losses.mse(model(x), y)

    step = gpubp.compile(gpubp.value_and_grad(loss))
    expected = tree.leaves(gpubp.value_and_grad(loss)(model, x, y))
    for _ in range(3):
        for found, leaf in zip(tree.leaves(step(model, x, y)), expected, strict=True):
            np.testing.assert_allclose(found, leaf, rtol=2e-4, atol=1e-6)
    assert len(made) == 1
