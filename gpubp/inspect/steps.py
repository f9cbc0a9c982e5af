"""A function's intermediate variables with their local derivatives and their cotangents."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpubp.core import tree
from gpubp.core.registry import FUNCTIONS, METHODS
from gpubp.core.shapes import size_of
from gpubp.inspect import spelling
from gpubp.inspect.calls import run
from gpubp.inspect.modules import Module, cotangents, is_view, split, value_at
from gpubp.inspect.spelling import Text
from gpubp.rules.families import Elementwise, full_like
from gpubp.rules.manipulation import reshape_p
from gpubp.transforms.arguments import export
from gpubp.transforms.tape import Node, Part

LARGEST = 64  # entries of a local Jacobian that are worked out; a larger one is named by its shape


@dataclass
class Local:
    """The derivative of one variable by one that it is computed from.

    Attributes:
        parent: number of the step differentiated with respect to.
        formula: text, or ``None`` where there is no short one.
        value: elementwise derivatives, or the Jacobian, ``y.shape + x.shape``; ``None`` if large.
        elementwise: whether ``value`` holds the Jacobian's diagonal alone.
        shape: of the whole Jacobian.
    """

    parent: int
    formula: str | None
    value: Any
    elementwise: bool
    shape: tuple[int, ...]


@dataclass
class Step:
    """One variable: an input, an intermediate one or the result.

    Attributes:
        name: that of the argument; ``u1``, ``u2``, ... for what is computed; ``y`` for the result.
        definition: text; empty for an input.
        value: array.
        locals: local derivatives, one for each variable in the definition.
        cotangent: derivative of the result by this variable, summed over every path.
        users: numbers of the steps computed from this one.
    """

    name: str
    definition: str
    value: Any
    locals: list[Local] = field(default_factory=list)
    cotangent: Any = None
    users: list[int] = field(default_factory=list)


def steps(f: Callable[..., Any], args: Sequence[Any], cotangent: Any, caller: str) -> list[Step]:
    """Run ``f`` and take it apart; steps in the order of computation, inputs first."""
    recorded = run(f, args, caller)
    modules = split(recorded)
    leaf_names = short_names(_leaf_names(f, args))
    inputs = range(len(recorded.inputs))
    positions = [*inputs, *modules]
    names = [leaf_names[leaf] for leaf in recorded.inputs] + _new_names(leaf_names, len(modules))
    number = {position: n for n, position in enumerate(positions)}
    texts = {position: Text(name) for position, name in zip(positions, names, strict=True)}
    constants = {id(x): Text(t) for x, t in zip(recorded.leaves, leaf_names, strict=True)}
    cts = cotangents(recorded, modules, cotangent)
    found = [
        Step(name, "", export(value_at(recorded, position)), cotangent=export(cts[position]))
        for position, name in zip(positions, names, strict=True)
    ]
    for position, module in modules.items():
        step = found[number[position]]
        written = _written(module, texts, constants)
        step.definition = spelling.clipped(written[-1][-1].text)
        for k, parent in enumerate(module.parents):
            step.locals.append(_local(module, k, texts[position], written, number))
            found[number[parent]].users.append(number[position])
    return found


def _written(
    module: Module, texts: dict[int, Text], constants: dict[int, Text]
) -> list[list[Text]]:
    """For each node of the module how its arguments are written, and how it is written itself."""
    found = [[texts[p]] for p in module.parents]
    for node in module.nodes[len(module.parents) :]:
        if type(node) is Part:
            main = found[node.parent][-1]
            part = Text(f"{main.within(spelling.ATOM)}[{node.which}]") if node.count > 1 else main
            found.append([main, part])
            continue
        args = [
            found[p][-1] if p is not None else constants.get(id(a)) or spelling.literal(a)
            for p, a in zip(node.parents, node.args, strict=False)
        ]
        silent = is_view(node) and not spelling.is_transpose(node.primitive, node.params)
        whole = args[0] if silent else spelling.spell(node.primitive, args, node.params)
        found.append([*args, whole])
    return found


def _local(
    module: Module, k: int, y: Text, written: list[list[Text]], number: dict[int, int]
) -> Local:
    value, x = module.value, module.parent_value(k)
    shape = (*value.shape, *x.shape)
    formula, elementwise, derivative = None, False, None
    calls = [n for n, node in enumerate(module.nodes) if type(node) is Node and not is_view(node)]
    if len(calls) == 1:
        (n,) = calls
        if isinstance(module.nodes[n].primitive, Elementwise):
            formula = _elementwise_formula(module, n, k, y, written)
            elementwise = x.shape == value.shape
        elif module.nodes[n].primitive.name == "matmul":
            formula = _matmul_formula(module, n, k, written)
    if elementwise:
        derivative = export(module.pull(full_like(value, 1))[k])
    elif size_of(shape) <= LARGEST:
        derivative = export(_jacobian(module, k))
    return Local(number[module.parents[k]], formula, derivative, elementwise, shape)


def _elementwise_formula(
    module: Module, n: int, k: int, y: Text, written: list[list[Text]]
) -> str | None:
    call = module.nodes[n]
    args = [
        (a, None if p is None else text.text)
        for p, a, text in zip(call.parents, call.args, written[n], strict=False)
    ]
    terms = [
        spelling.derivative(call.primitive, which, (call.y, y.text), args, call.params)
        for which in range(len(args))
        if _source(module, call.parents[which]) == k
    ]
    found = [t for t in terms if t is not None]
    return spelling.clipped(" + ".join(found)) if len(found) == len(terms) > 0 else None


def _matmul_formula(module: Module, n: int, k: int, written: list[list[Text]]) -> str | None:
    """The Jacobian of a product by a vector is the other factor, in the numerator layout."""
    call = module.nodes[n]
    sources = [_source(module, p) for p in call.parents]
    if sources.count(k) != 1 or len(module.parent_value(k).shape) != 1:
        return None
    on_the_left = sources.index(k) == 0
    other = written[n][1 if on_the_left else 0]
    source = sources[1 if on_the_left else 0]
    ndim = 2 if source is None else len(module.parent_value(source).shape)
    if ndim > 2:
        return None
    return (spelling.transposed(other) if on_the_left and ndim == 2 else other).text


def _source(module: Module, p: int | None) -> int | None:
    """The parent of the module that node ``p``, an argument of its call, is or shows."""
    while p is not None and p >= len(module.parents):
        p = next((q for q in module.nodes[p].parents if q is not None), None)
    return p


def _jacobian(module: Module, k: int) -> Any:
    """The rows of the Jacobian, one for each element of the result, pulled down one at a time."""
    y, x = module.value, module.parent_value(k)
    rows = []
    for i in range(size_of(tuple(y.shape))):
        zeros = full_like(y, 0, shape=(size_of(tuple(y.shape)),))
        one_hot = reshape_p(METHODS["setitem"](zeros, i, 1), shape=tuple(y.shape))
        row = module.pull(one_hot)[k]
        rows.append(full_like(x, 0) if row is None else row)
    return reshape_p(FUNCTIONS["stack"](rows), shape=(*y.shape, *x.shape))


def _leaf_names(f: Callable[..., Any], args: Sequence[Any]) -> list[str]:
    """For each leaf of the arguments, its parameter's name and the path to it."""
    try:
        parameters = [
            p.name
            for p in inspect.signature(f).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):  # some built-in functions have no signature
        parameters = []
    parameters += [f"x{n + 1}" for n in range(len(parameters), len(args))]
    return [
        name + path for name, arg in zip(parameters, args, strict=False) for path in tree.paths(arg)
    ]


def short_names(paths: Sequence[str]) -> list[str]:
    """``W1`` for ``params['W1']`` where no other path ends so.

    Examples:
        >>> short_names(["params['W']", "params['b']", "x"])
        ['W', 'b', 'x']
        >>> short_names(["p[0]['W']", "p[1]['W']"])
        ["p[0]['W']", "p[1]['W']"]
    """
    ends = [re.search(r"(?:\['([A-Za-z_]\w*)'\]|\.([A-Za-z_]\w*))$", path) for path in paths]
    short = [
        path if end is None else end[1] or end[2] for path, end in zip(paths, ends, strict=True)
    ]
    return [s if short.count(s) == 1 else path for s, path in zip(short, paths, strict=True)]


def _new_names(taken: Sequence[str], count: int) -> list[str]:
    """``u1``, ``u2``, ... and ``y`` for the result, or other letters where those are taken."""
    letter = next((c for c in "uvwst" if not any(name.startswith(c) for name in taken)), "u_")
    result = next((name for name in ("y", "f", "C") if name not in taken), "result")
    return [f"{letter}{i}" for i in range(1, count)] + [result] * (count > 0)
