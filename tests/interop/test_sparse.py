"""jacobian(..., sparsity=): the whole Jacobian's numbers, in as many passes as colours."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

import gpubp
import libraries
from gpubp.interop.sparse import compress
from gpubp.testing import check_sparsity
from gpubp.transforms import jacobian as module

N = 12


def banded(m, n, width):
    i, j = np.indices((m, n))
    return np.abs(i - j) <= width


def arrow(rows, columns):
    pattern = np.eye(N, dtype=bool)
    pattern[0, :] |= rows
    pattern[:, 0] |= columns
    return pattern


def scattered(m, n):
    return np.random.default_rng(3).uniform(size=(m, n)) < 0.15


# The pattern, the colours of its columns and of its rows that it can be done with.
PATTERNS = {
    "diagonal": (banded(N, N, 0), 1, 1),
    "tridiagonal": (banded(N, N, 1), 3, 3),
    "banded": (banded(N, N, 3), 7, 7),
    "wide": (banded(4, N, 2), 5, 4),
    "tall": (banded(N, 4, 2), 4, 5),
    "arrow with rows": (arrow(True, False), N, 2),
    "arrow with columns": (arrow(False, True), 2, N),
    "arrow": (arrow(True, True), N, N),
    "scattered": (scattered(N, 2 * N), None, None),
    "without entries": (np.zeros((3, 5), dtype=bool), 1, 1),
    "full": (np.ones((3, 5), dtype=bool), 5, 3),
}
named = pytest.mark.parametrize("name", PATTERNS)


def function_of(pattern, library):
    """A function whose Jacobian has entries where the pattern has, all different."""
    m, n = pattern.shape
    weights = library.asarray(np.where(pattern, 1 + np.arange(m * n).reshape(m, n) / 7, 0.0))

    def f(x):
        xp = x.__array_namespace__()
        return xp.matmul(weights, xp.sin(x) + x * x)

    return f, library.asarray(np.linspace(-1, 1, n) + 0.01)


@pytest.mark.parametrize("mode", ["auto", "fwd", "rev"])
@named
def test_is_the_whole_jacobian(name, mode, library):
    pattern = PATTERNS[name][0]
    f, x = function_of(pattern, library)
    found = gpubp.jacobian(f, mode=mode, sparsity=pattern)(x)
    assert found.format == "csr"
    assert found.nnz == pattern.sum()
    np.testing.assert_allclose(
        found.toarray(), library.to_numpy(gpubp.jacobian(f)(x)), rtol=1e-12, atol=1e-14
    )


def passes_run(monkeypatch, mode, f, x, pattern):
    """How many tangents and cotangents went through the function."""
    run = {"fwd": 0, "rev": 0}

    def counted(which, original, position):
        def call(*args):
            run[which] += args[position][0].shape[0]
            return original(*args)

        return call

    monkeypatch.setattr(module, "_pushed", counted("fwd", module._pushed, 2))
    monkeypatch.setattr(module, "_pulled", counted("rev", module._pulled, 2))
    gpubp.jacobian(f, mode=mode, sparsity=pattern, chunk_size=None)(x)
    return run


@named
def test_as_many_passes_as_colours(name, monkeypatch):
    pattern, columns, rows = PATTERNS[name]
    f, x = function_of(pattern, libraries.get("numpy"))
    for mode, colours in (("fwd", columns), ("rev", rows)):
        if colours is not None:
            run = passes_run(monkeypatch, mode, f, x, pattern)
            assert run == {"fwd": 0, "rev": 0} | {mode: colours}
            monkeypatch.undo()
    run = passes_run(monkeypatch, "auto", f, x, pattern)
    assert sum(run.values()) == min(compress(pattern, m).count for m in ("fwd", "rev"))
    assert 0 in run.values()


@pytest.mark.parametrize("mode", ["fwd", "rev"])
@named
def test_lines_of_one_colour_have_nothing_in_common(name, mode):
    pattern = PATTERNS[name][0]
    found = compress(pattern, mode)
    lines = pattern if mode == "fwd" else pattern.T
    assert found.colours.shape == lines.shape[1:]
    assert set(found.colours.tolist()) == set(range(found.count))
    for colour in range(found.count):
        assert lines[:, found.colours == colour].sum(axis=1).max(initial=0) <= 1


def test_a_grid_takes_the_five_colours_of_its_stencil():
    line = sparse.diags_array([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(30, 30))
    one = sparse.eye_array(30)
    grid = sparse.kron(line, one) + sparse.kron(one, line)
    assert compress(grid).count == 5


def test_shapes_of_argument_and_result_are_flattened():
    x = np.arange(6.0).reshape(2, 3)
    found = gpubp.jacobian(lambda x: (x * x).T, sparsity=np.eye(6)[[0, 3, 1, 4, 2, 5]])(x)
    whole = gpubp.jacobian(lambda x: (x * x).T)(x).reshape(6, 6)
    np.testing.assert_array_equal(found.toarray(), whole)


def test_argnums_keywords_and_chunks():
    def f(a, x, *, power):
        return a * x**power

    a, x = np.asarray([2.0, 3.0, 4.0]), np.asarray([1.0, 2.0, 3.0])
    jac = gpubp.jacobian(f, argnums=1, chunk_size=2, sparsity=np.tri(3))
    np.testing.assert_allclose(jac(a, x, power=3).toarray(), np.diag(3 * a * x**2))


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_empty_arguments_and_results(mode):
    x = np.zeros((0, 2))
    assert gpubp.jacobian(lambda x: x * x, mode=mode, sparsity=np.ones((0, 0)))(x).shape == (0, 0)
    found = gpubp.jacobian(lambda x: x[:0], mode=mode, sparsity=np.ones((0, 3)))(np.ones(3))
    assert found.shape == (0, 3)


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_dtype_is_the_results(mode, library):
    for dtype in (np.float32, np.complex128):
        x = library.asarray(np.asarray([1.0, 2.0, 3.0]).astype(dtype))
        found = gpubp.jacobian(lambda x: x * x, mode=mode, sparsity=np.eye(3))(x)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.toarray(), np.diag([2, 4, 6]).astype(dtype))


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("format", ["coo", "csc", "csr", "dia"])
def test_class_is_the_patterns(kind, format):
    pattern = kind(np.eye(2)).asformat(format)
    assert type(gpubp.jacobian(lambda x: x * x, sparsity=pattern)(np.ones(2))) is kind


def test_stored_zeros_belong_to_the_pattern():
    stored = sparse.csr_array((np.zeros(2), ([0, 1], [0, 1])), shape=(2, 2))
    found = gpubp.jacobian(lambda x: x * x, sparsity=stored)(np.asarray([1.0, 3.0]))
    np.testing.assert_array_equal(found.toarray(), np.diag([2.0, 6.0]))
    assert stored.nnz == 2
    assert not stored.data.any(), "the pattern itself was changed"


def test_sparse_hessian():
    def energy(x):
        d = x[1:] - x[:-1]
        return (d**4).sum()

    x = np.linspace(0, 1, N) ** 2
    found = gpubp.jacobian(gpubp.grad(energy), sparsity=banded(N, N, 1))(x)
    np.testing.assert_allclose(found.toarray(), gpubp.hessian(energy)(x), atol=1e-15)


# Errors.


def shifted(x):
    xp = x.__array_namespace__()
    return x * x + xp.roll(x, 4)


def test_a_missing_entry_shows_where_no_value_may_be():
    with pytest.raises(
        ValueError, match=r"row \d+ depends on one of the columns .*pattern has none"
    ):
        gpubp.jacobian(shifted, mode="fwd", sparsity=banded(N, N, 1))(np.ones(N))
    with pytest.raises(ValueError, match=r"column \d+ depends on one of the rows"):
        gpubp.jacobian(shifted, mode="rev", sparsity=banded(N, N, 1))(np.ones(N))


def test_rounding_and_nan_where_no_value_may_be_are_no_missing_entries():
    def f(x):
        xp = x.__array_namespace__()
        return xp.real(xp.fft.ifft(xp.fft.fft(x * x))) + 0.0

    x = np.linspace(1, 2, N)
    found = gpubp.jacobian(f, mode="fwd", sparsity=banded(N, N, 1))(x)
    np.testing.assert_allclose(found.toarray(), np.diag(2 * x), atol=1e-14)


def test_check_sparsity_finds_what_a_colour_hides():
    x = np.linspace(1, 2, N)
    hidden = np.eye(N)  # one colour, all of whose values have a place
    gpubp.jacobian(shifted, sparsity=hidden)(x)
    with pytest.raises(AssertionError, match="row 0 of the Jacobian has entries"):
        check_sparsity(shifted, x, hidden)
    check_sparsity(shifted, x, np.eye(N) + np.roll(np.eye(N), 4, axis=0))


def test_check_sparsity_on_every_library(library):
    f, x = function_of(PATTERNS["scattered"][0], library)
    check_sparsity(f, x, PATTERNS["scattered"][0])


@pytest.mark.parametrize(
    ("pattern", "error", "words"),
    [
        (np.ones(3), ValueError, r"shape \(3,\)"),
        ("tridiagonal", TypeError, "SciPy sparse matrix"),
        (lambda: None, TypeError, "SciPy sparse matrix"),
    ],
)
def test_what_is_no_pattern(pattern, error, words):
    with pytest.raises(error, match=words):
        gpubp.jacobian(shifted, sparsity=pattern)


def test_a_pattern_of_another_shape():
    with pytest.raises(ValueError, match=r"\(3, 4\).*needs \(3, 3\)"):
        gpubp.jacobian(shifted, sparsity=np.ones((3, 4)))(np.ones(3))


def test_several_arguments_or_results():
    with pytest.raises(ValueError, match="here are 2 and 1"):
        gpubp.jacobian(lambda x, y: x * y, argnums=(0, 1), sparsity=np.eye(3))(
            np.ones(3), np.ones(3)
        )
    with pytest.raises(ValueError, match="here are 1 and 2"):
        gpubp.jacobian(lambda x: (x, x), sparsity=np.eye(3))(np.ones(3))


def test_denominator_layout():
    with pytest.raises(ValueError, match="transpose"):
        gpubp.jacobian(shifted, layout="denominator", sparsity=np.eye(3))


def test_inside_another_transformation():
    jac = gpubp.jacobian(lambda x: x * x, sparsity=np.eye(3))
    for transform in (gpubp.vmap(jac), gpubp.grad(lambda x: jac(x).sum())):
        with pytest.raises(TypeError, match="leave sparsity out"):
            transform(np.ones((2, 3)) if transform.__name__.startswith("vmap") else np.ones(3))


def test_missing_packages_are_named():
    code = (
        "import sys; sys.modules['rustworkx'] = None\n"
        "import numpy as np, gpubp\n"
        "try:\n"
        "    gpubp.jacobian(lambda x: x, sparsity=np.eye(2))\n"
        "except ImportError as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "MissingPackageError" in run.stdout
    assert "rustworkx: pip install 'gpubp[sparse]'" in run.stdout


def test_scipy_is_imported_for_sparsity_alone():
    code = "import sys, gpubp; sys.exit('scipy' in sys.modules or 'rustworkx' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
