"""Trees of arrays: optree with this library's registry namespace bound once.

Dicts, lists, tuples, named tuples and dataclasses registered with :func:`register` are nodes;
``None`` is an empty subtree; everything else is a leaf.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import optree

NAMESPACE = "gpubp"
TreeDef = optree.PyTreeSpec
T = TypeVar("T")


def flatten(tree: Any) -> tuple[list[Any], TreeDef]:
    """Leaves and structure of ``tree``.

    Examples:
        >>> leaves, treedef = flatten({"b": 2, "a": [1, None]})
        >>> leaves, unflatten(treedef, [10, 20])
        ([1, 2], {'b': 20, 'a': [10, None]})
    """
    return optree.tree_flatten(tree, namespace=NAMESPACE)


def unflatten(treedef: TreeDef, leaves: Iterable[Any]) -> Any:
    """The tree of structure ``treedef`` with these leaves."""
    return optree.tree_unflatten(treedef, leaves)


def split(leaves: Sequence[Any], treedefs: Iterable[TreeDef]) -> tuple[Any, ...]:
    """The trees of these structures whose leaves stand in ``leaves`` one after another."""
    rest = iter(leaves)
    return tuple(unflatten(t, itertools.islice(rest, t.num_leaves)) for t in treedefs)


def leaves(tree: Any) -> list[Any]:
    """Leaves of ``tree`` in order; the keys of a dict are sorted.

    Examples:
        >>> leaves({"b": 2, "a": [1, None]})
        [1, 2]
    """
    return optree.tree_leaves(tree, namespace=NAMESPACE)


def structure(tree: Any) -> TreeDef:
    """Structure of ``tree``."""
    return optree.tree_structure(tree, namespace=NAMESPACE)


def map(f: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply ``f`` leaf by leaf to trees of one structure.

    Raises:
        ValueError: if the structures differ.

    Examples:
        >>> map(lambda p, g: p - 0.1 * g, {"w": 1.0}, {"w": 5.0})
        {'w': 0.5}
    """
    return optree.tree_map(f, tree, *rest, namespace=NAMESPACE)


def broadcast_prefix(prefix: Any, tree: Any) -> list[Any]:
    """For each leaf of ``tree``, the leaf of ``prefix`` above it, ``None`` leaves included.

    Examples:
        >>> broadcast_prefix((0, None), ({"a": 1, "b": 2}, 3))
        [0, 0, None]
    """
    found: list[Any] = []

    def visit(above: Any, below: Any) -> None:
        found.extend([above] * len(leaves(below)))

    if isinstance(prefix, int) or prefix is None:
        visit(prefix, tree)
        return found
    children, _, _, _ = optree.tree_flatten_one_level(prefix, namespace=NAMESPACE)
    below, _, _, _ = optree.tree_flatten_one_level(tree, namespace=NAMESPACE)
    if type(prefix) is not type(tree) or len(children) != len(below):
        raise ValueError(f"structure {prefix!r} is no prefix of {structure(tree)}")
    for p, t in zip(children, below, strict=True):
        found.extend(broadcast_prefix(p, t))
    return found


def paths(tree: Any) -> list[str]:
    """For each leaf of ``tree``, its path as one would write it.

    With ``leaves`` it gives the names and arrays that file formats want.

    Examples:
        >>> tree = {"w": [1.0, 2.0], "b": 3.0}
        >>> dict(zip(paths(tree), leaves(tree), strict=True))
        {"['b']": 3.0, "['w'][0]": 1.0, "['w'][1]": 2.0}
    """
    accessors = optree.tree_accessors(tree, namespace=NAMESPACE)
    return [accessor.codify("") for accessor in accessors]


def register(cls: type[T]) -> type[T]:
    """Class decorator: make a dataclass a tree whose children are its fields.

    A field declared with ``metadata={"static": True}`` belongs to the structure instead.

    Raises:
        TypeError: if ``cls`` is not a dataclass.

    Examples:
        >>> import dataclasses
        >>> @register
        ... @dataclasses.dataclass
        ... class Point:
        ...     x: float
        ...     y: float
        >>> leaves(Point(1.0, 2.0))
        [1.0, 2.0]
    """
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"tree.register: {cls.__name__} is no dataclass; decorate it first")
    fields = dataclasses.fields(cls)
    dynamic = tuple(f.name for f in fields if not f.metadata.get("static"))
    static = tuple(f.name for f in fields if f.metadata.get("static"))

    def flatten_instance(instance: Any) -> tuple[Any, Any, Any]:
        children = [getattr(instance, name) for name in dynamic]
        return children, tuple(getattr(instance, name) for name in static), dynamic

    def unflatten_instance(aux: Any, children: Any) -> Any:
        instance = object.__new__(cls)  # validation in __init__ must not see tracers' stand-ins
        for name, value in (*zip(dynamic, children, strict=True), *zip(static, aux, strict=True)):
            object.__setattr__(instance, name, value)
        return instance

    node: Any = cls  # optree's signature asks for a collection
    optree.register_pytree_node(
        node,
        flatten_instance,
        unflatten_instance,
        path_entry_type=optree.GetAttrEntry,
        namespace=NAMESPACE,
    )
    return cls
