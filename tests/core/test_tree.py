"""Trees: prefixes, paths, registered dataclasses."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pytest

import gpubp
from gpubp.core import tree


@tree.register
@dataclasses.dataclass
class Pair:
    left: Any
    right: Any
    name: str = dataclasses.field(default="pair", metadata={"static": True})


class Named(NamedTuple):
    a: Any
    b: Any


def test_a_registered_dataclass_is_taken_apart_and_put_together():
    pair = Pair(1.0, {"x": [2.0, None]}, "other")
    leaves, treedef = tree.flatten(pair)
    assert leaves == [1.0, 2.0]
    assert tree.unflatten(treedef, [3.0, 4.0]) == Pair(3.0, {"x": [4.0, None]}, "other")


def test_static_fields_belong_to_the_structure():
    assert tree.structure(Pair(1.0, 2.0)) == tree.structure(Pair(3.0, 4.0))
    assert tree.structure(Pair(1.0, 2.0)) != tree.structure(Pair(1.0, 2.0, "other"))


def test_putting_together_does_not_run_the_initialiser():
    @tree.register
    @dataclasses.dataclass
    class Checked:
        x: Any

        def __post_init__(self):
            assert isinstance(self.x, np.ndarray)

    gradient = gpubp.grad(lambda c: np.sum(c.x**2))(Checked(np.asarray([1.0, 2.0])))
    np.testing.assert_allclose(gradient.x, [2.0, 4.0])


def test_only_dataclasses_register():
    with pytest.raises(TypeError, match="Plain is no dataclass; decorate it first"):

        @tree.register
        class Plain:
            pass


@pytest.mark.parametrize(
    ("prefix", "whole", "expected"),
    [
        (0, {"a": 1.0, "b": (2.0, 3.0)}, [0, 0, 0]),
        (None, [1.0, 2.0], [None, None]),
        ((0, None), ({"a": 1.0, "b": 2.0}, 3.0), [0, 0, None]),
        ({"a": 1, "b": None}, {"a": [1.0, 2.0], "b": 3.0}, [1, 1, None]),
        (Named(0, 1), Named(1.0, [2.0]), [0, 1]),
        ((0, 1), (None, 2.0), [1]),
    ],
)
def test_prefixes(prefix, whole, expected):
    assert tree.broadcast_prefix(prefix, whole) == expected


@pytest.mark.parametrize(("prefix", "whole"), [((0, 1), (1.0,)), ([0], (1.0,)), ((0,), [1.0])])
def test_what_is_no_prefix(prefix, whole):
    with pytest.raises(ValueError, match="is no prefix of"):
        tree.broadcast_prefix(prefix, whole)


def test_paths_are_what_one_would_write():
    assert tree.paths({"w": [1.0, Pair(2.0, 3.0)]}) == [
        "['w'][0]",
        "['w'][1].left",
        "['w'][1].right",
    ]


def test_split_gives_each_structure_its_leaves():
    structures = [tree.structure((1.0, 2.0)), tree.structure({"a": 1.0})]
    assert tree.split([5.0, 6.0, 7.0], structures) == ((5.0, 6.0), {"a": 7.0})
