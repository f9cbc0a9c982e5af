"""Each program: against differences, against JAX, against a loop, and on every library."""

import functools

import array_api_compat
import numpy as np
import pytest

import gpubp
import libraries
from gpubp.core import tree
from gpubp.testing import check_grads
from on_cases import NUMPY
from programs.zoo import PROGRAMS

# The bound that derivatives must keep to in double precision, relative to the largest entry.
TOLERANCE = 1e-8
every_program = pytest.mark.parametrize("program", PROGRAMS, ids=str)


def function(program):
    return lambda *args: program.f(array_api_compat.array_namespace(*args), *args)


def like(x, seed):
    """A direction at a host array, or None where there is no derivative."""
    if x.dtype.kind not in "fc":
        return None
    rng = np.random.default_rng([seed, x.size])
    real, imag = rng.uniform(-1, 1, (2, *x.shape))
    return np.asarray(real + 1j * imag if x.dtype.kind == "c" else real)


def directions(arrays, seed):
    return tuple(like(x, seed + i) for i, x in enumerate(arrays))


def derivatives(program, library, carry=lambda x: x):
    """Value, JVP, VJP and Hessian-vector product by gpubp, on the host."""
    f, hosts = function(program), program.arguments()
    xs = [library.asarray(x) for x in hosts]
    ts = tuple(library.asarray(t) for t in directions(hosts, 1))
    out, tangent = gpubp.jvp(f, tuple(xs), ts)
    _, pullback = gpubp.vjp(f, *xs)
    ct = library.asarray(like(library.to_numpy(out), 9))
    second = gpubp.jvp(lambda *a: gpubp.vjp(f, *a)[1](ct), tuple(xs), ts)[1]
    return tree.map(library.to_numpy, (out, tangent, pullback(ct), second))


def assert_close(found, expected, what):
    found, expected = tree.leaves(found), tree.leaves(expected)
    assert len(found) == len(expected), what
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape, what
        scale = np.max(np.abs(b), initial=0.0)
        np.testing.assert_allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE * scale, err_msg=what)


@every_program
def test_differences(program):
    check_grads(function(program), program.arguments(), order=2, rtol=1e-6)


@functools.cache
def jax_numpy():
    jax = pytest.importorskip("jax", reason="JAX is not installed (pip install gpubp[dev])")
    jax.config.update("jax_enable_x64", True)
    return jax, jax.numpy


def by_jax(program):
    """The same four by JAX; its integer arguments are closed over."""
    jax, jnp = jax_numpy()
    hosts = program.arguments()
    moving = [i for i, x in enumerate(hosts) if x.dtype.kind in "fc"]

    def f(*moved):
        full = [jnp.asarray(x) for x in hosts]
        for i, x in zip(moving, moved, strict=True):
            full[i] = x
        return (program.jax or program.f)(jnp, *full)

    def all_four(xs, ts, ct):
        out, tangent = jax.jvp(f, xs, ts)
        second = jax.jvp(lambda *a: jax.vjp(f, *a)[1](ct), xs, ts)[1]
        return out, tangent, jax.vjp(f, *xs)[1](ct), second

    if program.vmap:  # compiled as one, in a quarter of the time that operation by operation takes
        all_four = jax.jit(all_four)
    xs = [hosts[i] for i in moving]
    ts = [t for t in directions(hosts, 1) if t is not None]
    ct = like(function(program)(*hosts), 9)
    return tree.map(np.asarray, all_four(xs, ts, ct))


@every_program
def test_against_jax(program):
    expected = by_jax(program)
    names = ("value", "jvp", "vjp", "Hessian-vector product")
    for name, a, b in zip(names, derivatives(program, NUMPY), expected, strict=True):
        assert_close(a, b, name)


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.vmap], ids=str)
def test_vmap_is_a_loop(program):
    f, size = function(program), 3
    batch = [program.arguments(seed) for seed in range(size)]
    columns = [np.stack(column) for column in zip(*batch, strict=True)]
    value = gpubp.vmap(f)(*columns)
    assert_close(value, np.stack([program.f(NUMPY.xp, *xs) for xs in batch]), "vmap")

    ct = like(np.asarray(program.f(NUMPY.xp, *batch[0])), 9)

    def pulled_back(*xs):
        return gpubp.vjp(f, *xs)[1](ct)

    expected = [pulled_back(*xs) for xs in batch]
    assert_close(
        gpubp.vmap(pulled_back)(*columns),
        tree.map(lambda *ys: np.stack(ys), *expected),
        "vmap(vjp)",
    )


@pytest.mark.parametrize(
    ("library", "program"),
    [
        pytest.param(name, program, id=f"{program}-{name}")
        for name in libraries.NAMES[1:]
        for program in PROGRAMS
        if name not in program.lacking
    ],
    indirect=["library"],
)
def test_every_library_agrees_with_numpy(library, program):
    names = ("value", "jvp", "vjp", "Hessian-vector product")
    expected = derivatives(program, NUMPY)
    for name, a, b in zip(names, derivatives(program, library), expected, strict=True):
        assert_close(a, b, name)
