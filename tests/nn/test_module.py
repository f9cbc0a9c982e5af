"""Modules: trees, closed after construction, with errors that say what to do."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from gpubp import errors, nn, random
from gpubp.core import tree


class Affine(nn.Module):
    scale: Any
    shift: Any = None
    name: str = nn.field(static=True, default="affine")

    def __call__(self, x: Any) -> Any:
        return self.scale * x + self.shift


class Wide(Affine):
    """Inherits the fields and the generated __init__."""

    extra: Any = None


class Doubled(nn.Linear):
    """Inherits a written __init__."""

    def __call__(self, x: Any) -> Any:
        return 2 * super().__call__(x)


def test_generated_init_takes_the_fields_in_order() -> None:
    module = Affine(np.asarray(2.0), np.asarray(1.0))
    assert module(3.0) == 7.0
    assert module.name == "affine"


def test_static_fields_are_structure_and_none_is_an_empty_subtree() -> None:
    assert tree.leaves(Affine(np.asarray(2.0))) == [np.asarray(2.0)]
    assert tree.structure(Affine(1.0)) == tree.structure(Affine(2.0))
    assert tree.structure(Affine(1.0, name="a")) != tree.structure(Affine(1.0, name="b"))


def test_map_keeps_the_class_and_the_static_fields() -> None:
    doubled = tree.map(lambda x: 2 * x, Affine(1.0, 2.0, name="here"))
    assert (type(doubled), doubled.scale, doubled.shift, doubled.name) == (Affine, 2.0, 4.0, "here")


def test_paths_read_like_code() -> None:
    model = nn.Sequential([nn.Linear(2, 2, key=random.key(0, backend="numpy")), nn.tanh])
    assert tree.paths(model) == [".layers[0].weight", ".layers[0].bias"]


def test_subclasses() -> None:
    assert tree.leaves(Wide(1.0, 2.0, extra=3.0)) == [1.0, 2.0, 3.0]
    layer = Doubled(2, 2, key=random.key(0, backend="numpy"))
    plain = nn.Linear(2, 2, key=random.key(0, backend="numpy"))
    np.testing.assert_array_equal(layer(layer.weight), 2 * plain(plain.weight))
    assert repr(layer) == "Doubled(weight=float32[2,2], bias=float32[2])"


def test_assignment_after_init_raises_with_the_remedy() -> None:
    module = Affine(1.0)
    with pytest.raises(errors.FrozenModuleError, match=r"nn\.replace\(module, scale=\.\.\.\)"):
        module.scale = 2.0
    with pytest.raises(AttributeError, match=r"Affine\.scale can't be deleted"):
        del module.scale
    with pytest.raises(errors.FrozenModuleError, match=r"Affine\.scale"):
        tree.map(lambda x: x, module).scale = 2.0


def test_undeclared_field_raises() -> None:
    class Forgot(nn.Module):
        def __init__(self) -> None:
            self.weight = 1.0

    with pytest.raises(errors.ModuleFieldError, match=r"annotate it in the class body, `weight"):
        Forgot()


def test_unset_field_raises() -> None:
    class Unset(nn.Module):
        weight: Any
        bias: Any

        def __init__(self) -> None:
            self.weight = 1.0

    with pytest.raises(errors.ModuleFieldError, match=r"Unset.__init__ left 'bias' unset"):
        Unset()


def test_replace() -> None:
    module = Affine(1.0, 2.0)
    changed = nn.replace(module, shift=5.0, name="new")
    assert (changed.scale, changed.shift, changed.name) == (1.0, 5.0, "new")
    assert module.shift == 2.0
    with pytest.raises(errors.ModuleFieldError, match=r"no field 'weight'.*scale, shift, name"):
        nn.replace(module, weight=1.0)


def test_count_parameters() -> None:
    assert nn.count_parameters(nn.Linear(4, 3, key=random.key(0, backend="numpy"))) == 15
    assert nn.count_parameters({"w": np.zeros(3, dtype=np.complex64), "n": np.zeros(9, int)}) == 3
    with pytest.raises(errors.ArgumentTypeError, match=r"the leaf at \['f'\] is 'name'"):
        nn.count_parameters({"f": "name"})


def test_copies_and_pickles() -> None:
    layer = nn.Linear(2, 3, key=random.key(0, backend="numpy"))
    for twin in (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(twin.weight, layer.weight)
        with pytest.raises(errors.FrozenModuleError):
            twin.weight = None


def test_representation_breaks_lines_where_needed() -> None:
    k = random.key(0, backend="numpy")
    model = nn.Sequential([nn.Linear(4, 8, key=k), nn.relu, nn.Linear(8, 2, key=k)])
    assert repr(model) == (
        "Sequential(\n"
        "  layers=(\n"
        "    Linear(weight=float32[8,4], bias=float32[8]),\n"
        "    Lambda(function=relu),\n"
        "    Linear(weight=float32[2,8], bias=float32[2])\n"
        "  )\n"
        ")"
    )
    assert repr(Affine([np.zeros(())], {"a": (1,)})) == (
        "Affine(scale=[float64[]], shift={'a': (1,)}, name='affine')"
    )
