"""Plans as values: figures, code, pictures, files; made without touching an element."""

import tracemalloc
from xml.etree import ElementTree

import numpy as np
import pytest

import gpubp
import gpubp.compiler
from compiler.build import Builder, arguments_of
from compiler.programs import PROGRAMS, build
from gpubp import nn
from gpubp.compiler.plan import Plan
from gpubp.errors import ArgumentError


def network(params, x):
    w1, b1, w2 = params
    return np.sum(np.tanh(x @ w1 + b1) @ w2)


def arguments(n):
    rng = np.random.default_rng(0)
    return [rng.normal(size=s) for s in ((n, n), (n,), (n, 2))], rng.normal(size=(n, n))


def test_planning_allocates_nothing_of_the_size_of_the_arguments():
    args = arguments(1024)
    step = gpubp.grad(network)
    gpubp.plan(step, *arguments(4))
    tracemalloc.start()
    try:
        found = gpubp.plan(step, *args)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < args[1].nbytes / 4
    assert found.peak_bytes > args[1].nbytes


def test_flops_of_products_are_two_for_each_pair():
    b = Builder()
    x, w = b.input(3, 4), b.input(4, 5)
    assert Plan(b.returns(b.matmul(x, w))).flops == 2 * 3 * 4 * 5


def test_flops_of_convolutions_and_pooling():
    """Windows of 50 terms; the gradients alone, as nothing needs the result."""
    x, weight, ct = np.zeros((20, 2, 30, 30)), np.zeros((3, 2, 5, 5)), np.zeros((20, 3, 26, 26))
    one = 2 * 50 * ct.size
    assert gpubp.plan(nn.convolution, x, weight).flops == one

    def gradients(x, weight, ct):
        return gpubp.vjp(nn.convolution, x, weight)[1](ct)

    assert gpubp.plan(gradients, x, weight, ct).flops == 2 * one
    assert gpubp.plan(nn.MaxPool2d(2), x).flops == x.size


def test_views_are_no_launches_and_move_nothing():
    b = Builder()
    x = b.input(3, 4)
    found = Plan(b.returns(b.exp(b.permute_dims(x, axes=(1, 0)))))
    assert found.launches == 1
    assert found.flops == 12
    assert found.bytes_moved == 2 * 12 * 4


def test_the_listing_names_shapes_routes_and_lines():
    found = repr(gpubp.plan(gpubp.grad(network), *arguments(4)))
    assert "float64[4,4]" in found
    assert "one product" in found
    assert "transposed by a flag" in found
    assert "test_plan.py:" in found


def test_donated_arguments_are_marked():
    found = gpubp.plan(lambda p, g: p - 0.1 * g, np.ones(4), np.ones(4), donate=0)
    assert found.peak_bytes < 2 * 4 * 8 + 64
    assert "into argument 0" in repr(found)


def test_pictures_are_svg(tmp_path):
    found = gpubp.plan(gpubp.grad(network), *arguments(4))
    root = ElementTree.parse(found.picture(tmp_path / "graph.svg")).getroot()
    text = "".join(root.itertext())
    assert root.tag.endswith("svg")
    assert "tanh" in text
    assert "argument 0" in text
    with pytest.raises(ArgumentError, match="svg"):
        found.picture(tmp_path / "graph.png")


@pytest.mark.parametrize("name", PROGRAMS)
def test_saved_programs_are_loaded_as_they_were(name, tmp_path):
    program = build(name)
    found = Plan(program)
    loaded = gpubp.compiler.load(found.save(tmp_path / "program.safetensors"), "numpy")
    assert repr(loaded) == repr(found)
    inputs = arguments_of(program)
    for a, b in zip(loaded(*inputs), found(*inputs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_programs_are_loaded_on_another_backend(tmp_path):
    params, x = arguments(4)
    found = gpubp.plan(gpubp.grad(network), params, x)
    path = found.save(tmp_path / "program.safetensors")
    other = gpubp.compiler.load(path, "array_api_strict")
    strict = gpubp.get_backend("array_api_strict")
    expected = found(*params, x)
    given = [strict.asarray(a) for a in (*params, x)]
    for a, b in zip(other(*given), expected, strict=True):
        np.testing.assert_allclose(strict.to_numpy(a), b)


def test_what_cannot_be_saved_or_loaded_is_refused(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "arrays.safetensors"
    save_file({"x": np.ones(3)}, path)
    with pytest.raises(ArgumentError, match="no program"):
        gpubp.compiler.load(path, "numpy")
