"""What a plug-in or a primitive finds when it registers."""

import numpy as np
import pytest

import gpubp
import libraries
from backends import plugins
from gpubp.core.primitive import PRIMITIVES, Primitive


def test_the_suite_finds_every_plugin_by_its_entry_point():
    assert set(plugins.NAMES) >= {"numpy", "torch", "cupy"}
    assert set(libraries.NAMES) >= set(plugins.NAMES)


def test_a_plugin_without_a_line_of_its_own_is_a_library_to_the_laws():
    library = libraries.plugin("numpy")
    x = library.asarray(np.asarray([1.0, 2.0]))
    grad = gpubp.grad(lambda x: x.__array_namespace__().sum(x * x))
    np.testing.assert_allclose(library.to_numpy(grad(x)), [2.0, 4.0])


def test_two_primitives_of_one_name_are_refused():
    with pytest.raises(ValueError, match="the name 'exp' is taken; pick another"):
        Primitive("exp")


def test_a_primitive_needs_an_array():
    with pytest.raises(TypeError, match=r"exp: needs at least one array argument, got \(1.0,\)"):
        PRIMITIVES["exp"](1.0)
