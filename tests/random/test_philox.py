"""The generator itself: published vectors, another implementation, and every backend alike."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpubp.random
import libraries
from gpubp.core.abstract import ShapeDtype
from gpubp.core.backend import backend_of, get_backend
from gpubp.core.namespace import namespace_of
from gpubp.rules.philox import philox, random_bits

# Random123's kat_vectors, "philox4x32 10": counter, key, result.
VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
KEYS = [[5, 7], [0xFFFFFFFF, 0x80000000], [0xA4093822, 0x299F31D0, 0xFFFFFFFF, 0x03707344]]


def expected(key: list[int], first: int, count: int, nbits: int) -> list[int]:
    """Elements of blocks ``first``, ``first + 1``, ... by Python's integers."""
    upper = key[2:] or (0, 0)
    blocks = range(first, first + count)  # more than enough
    words = itertools.chain.from_iterable(
        philox((i & 0xFFFFFFFF, i >> 32, *upper), key[:2]) for i in blocks
    )
    if nbits <= 32:
        elements = (word >> (32 - nbits) for word in words)
    else:
        elements = (
            (high << 32 | low) >> (64 - nbits) for high, low in zip(words, words, strict=False)
        )
    return list(itertools.islice(elements, count))


@pytest.mark.parametrize(("counter", "key", "result"), VECTORS)
def test_published_vectors(counter, key, result):
    assert philox(counter, key) == result
    words = philox(np.array(counter, np.uint64), np.array(key, np.uint64))
    assert tuple(words) == result


def test_published_vector_on_every_library(library, make_key):
    counter, key, result = VECTORS[0]
    assert counter == (0, 0, 0, 0)
    assert key == (0, 0)
    assert library.to_numpy(gpubp.random.bits(make_key(0), 4)).tolist() == list(result)


@pytest.mark.parametrize("key", [(0, 0), (1, 0), (0xA4093822, 0x299F31D0)])
def test_same_words_as_xla(key):
    """XLA's stream of a key is the one whose counter has the key again as its upper half."""
    jax = pytest.importorskip("jax")
    algorithm = jax.lax.RandomAlgorithm.RNG_PHILOX
    state = np.array([*key, 0, 0], np.uint32)
    _, words = jax.lax.rng_bit_generator(state, (1001,), np.uint32, algorithm=algorithm)
    ours = random_bits(np.array([*key, *key]), shape=(1001,), nbits=32)
    np.testing.assert_array_equal(ours, np.asarray(words))


@given(
    words=st.sampled_from([2, 4]),
    batch=st.lists(st.integers(0, 9), max_size=2),
    shape=st.lists(st.integers(0, 6), max_size=3),
    nbits=st.integers(1, 63),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_library_against_integers(words, batch, shape, nbits, seed):
    keys = np.random.default_rng(seed).integers(0, 2**32, (*batch, words))
    count = math.prod(shape)
    rows = [expected(row, 0, count, nbits) for row in keys.reshape(-1, words).tolist()]
    want = np.array(rows, np.int64).reshape((*batch, *shape))
    for name in libraries.NAMES:
        try:
            library = libraries.get(name)
        except ImportError:
            continue  # the fixture's tests report it
        got = random_bits(library.asarray(keys), shape=tuple(shape), nbits=nbits)
        assert got.dtype == (library.xp.int32 if nbits < 32 else library.xp.int64), name
        np.testing.assert_array_equal(library.to_numpy(got), want, err_msg=name)


# Counts around the tiles of the NumPy and PyTorch kernels; many keys of few elements and few of
# many, which those kernels lay out differently.
@pytest.mark.parametrize(
    ("batch", "count"), [(1, 2**18 + 3), (3, 2**16 + 1), (40000, 5), (300, 300), (2, 2**15)]
)
@pytest.mark.parametrize("nbits", [24, 32, 53])
def test_kernels_against_the_reference_on_large_arrays(library, batch, count, nbits):
    keys = np.random.default_rng(0).integers(0, 2**32, (batch, 2))
    want = random_bits.reference(get_backend("numpy").xp, keys, shape=(count,), nbits=nbits)
    got = random_bits(library.asarray(keys), shape=(count,), nbits=nbits)
    np.testing.assert_array_equal(library.to_numpy(got), want)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("first", [0, 2**32 - 3, 2**33 + 2**31 - 2])
@pytest.mark.parametrize("nbits", [31, 32, 63])
def test_counter_carries_into_its_second_word(key, first, nbits):
    per_block = 4 if nbits <= 32 else 2
    want = expected(key, first, 40 * per_block, nbits)
    keys = np.array([key])
    for name, got in _kernels_from(keys, first, 40, per_block, nbits):
        assert got.reshape(-1).tolist() == want, name


def _kernels_from(keys, first, blocks, per_block, nbits):
    from gpubp_numpy.kernels import random as on_numpy

    out = np.empty((len(keys), blocks, per_block), np.int64)
    on_numpy.fill(keys, first, nbits, out)
    yield "numpy", out
    torch = pytest.importorskip("torch")
    from gpubp_torch.kernels import random as on_torch

    tensor = torch.empty((len(keys), blocks, per_block), dtype=torch.int64)
    on_torch.fill(torch.from_numpy(keys), first, nbits, tensor)
    yield "torch", tensor.numpy()
    try:
        library = libraries.get("cupy")
    except ImportError:
        return
    from gpubp_cupy.kernels import random as on_cupy

    got = on_cupy.generate(library.asarray(keys), first, (blocks * per_block,), nbits)
    yield "cupy", library.to_numpy(got)


def test_each_plugin_has_its_kernel(library):
    backend = backend_of(library.xp.zeros(1, device=library.device))
    assert ("random_bits" in backend.kernels) == (not library.name.startswith("strict"))


@pytest.mark.parametrize("nbits", [1, 31, 32, 63])
def test_shape_rule(library, make_key, nbits):
    keys = gpubp.random.split(make_key(0), 3)
    abstract = random_bits(
        ShapeDtype((3, 2), keys.dtype, namespace_of(keys)), shape=(4, 0), nbits=nbits
    )
    concrete = random_bits(keys, shape=(4, 0), nbits=nbits)
    assert abstract.shape == concrete.shape
    assert abstract.dtype == concrete.dtype


def test_elements_do_not_depend_on_the_shape(library, make_key):
    long = library.to_numpy(random_bits(make_key(3), shape=(1000,), nbits=31))
    for shape in [(1,), (7,), (3, 5), (999,)]:
        part = library.to_numpy(random_bits(make_key(3), shape=shape, nbits=31))
        np.testing.assert_array_equal(part.reshape(-1), long[: part.size])


def test_a_strided_key_is_read_right(library):
    keys = np.arange(12).reshape(2, 6)
    view = library.asarray(keys)[:, 1:5:2]
    got = library.to_numpy(random_bits(view, shape=(5,), nbits=32))
    want = [expected(row, 0, 5, 32) for row in keys[:, 1:5:2].tolist()]
    assert got.tolist() == want
