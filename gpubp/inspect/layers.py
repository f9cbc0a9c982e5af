"""Each layer of a model in the notes' way: z, a, delta, and its parameters' derivatives."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gpubp import errors
from gpubp.core import tree
from gpubp.inspect.calls import Run, run
from gpubp.inspect.drawing import Card, Edge, Line, svg
from gpubp.inspect.modules import cotangents, is_view, parents_of, split, value_at
from gpubp.inspect.report import Report, Sheet
from gpubp.inspect.spelling import clipped
from gpubp.inspect.summary import summary
from gpubp.rules.families import Elementwise
from gpubp.transforms.arguments import export

# The primitives that multiply a layer's input with its weights.
PRODUCTS = ("matmul", "convolution", "convolution_input")


@dataclass
class Layer:
    """One product with weights, ``z = W a' + b``, and what backpropagation finds there.

    Attributes:
        name: path of the weights within the model.
        weight, bias: parameters; ``bias`` is ``None`` where there is none.
        input: ``a'``, what the weights are multiplied with.
        z: weighted input.
        a: what the next layer is given, or the model returns.
        da: ``dC/da``; Fact 1 in the last layer, Fact 6 below it.
        delta: ``dC/dz``; Fact 2.
        dW: ``dC/dW``; Facts 4 and 5, summed over a batch.
        db: ``dC/db``; Fact 3, summed over a batch.
        elementwise: whether ``a = s(z)`` element by element, which Fact 2 presumes.
        chained: whether ``a`` goes nowhere but into the next layer, which Fact 6 presumes.
    """

    name: str
    weight: Any
    bias: Any
    input: Any
    z: Any
    a: Any
    da: Any
    delta: Any
    dW: Any
    db: Any
    elementwise: bool
    chained: bool


def layers(model: Any, loss: Callable[..., Any], x: Any, *targets: Any) -> Layers:
    """Every layer's z, a, delta, dW and db for ``C = loss(model(x), *targets)``.

    A layer is a product of a parameter of the model, its weights, with what is not one; its bias
    is the parameter that is added to the product. That covers dense layers and convolutions,
    however the activation is written.

    Args:
        model: callable tree of arrays, such as a :class:`gpubp.nn.Module`.
        loss: returns a scalar.
        x: the model's input, one example or a batch.
        *targets: further arguments of the loss.

    Returns:
        A :class:`Layers`: prints as text, shows as HTML and SVG in a notebook.

    Raises:
        ArgumentTypeError: if ``model`` is not callable.
        ArgumentError: if there is no such product in the model, or the loss is no array.

    Examples:
        >>> import numpy as np
        >>> from gpubp import nn
        >>> class Line(nn.Module):
        ...     w: object
        ...     b: object
        ...
        ...     def __call__(self, x):
        ...         return self.w @ x + self.b
        >>> model = Line(np.asarray([[2.0, 0.0]]), np.asarray([1.0]))
        >>> half = lambda a, y: np.sum((a - y) ** 2) / 2
        >>> found = layers(model, half, np.asarray([1.0, 3.0]), np.asarray([5.0]))
        >>> found[0].delta
        array([-2.])
        >>> found[0].dW
        array([[-2., -6.]])
    """
    if not callable(model):
        raise errors.ArgumentTypeError(
            f"inspect.layers: model must be callable, got {type(model).__name__}; for a function "
            "of parameters use inspect.table"
        )
    predictions: list[Any] = []

    def cost(model: Any, x: Any, *targets: Any) -> Any:
        predictions.append(model(x))
        return loss(predictions[0], *targets)

    recorded = run(cost, (model, x, *targets), "inspect.layers")
    if len(tree.leaves(predictions)) != 1:
        raise errors.ArgumentError(
            "inspect.layers: the model must return one array, got the structure "
            f"{tree.structure(predictions[0])}; wrap it in a model that returns one of them"
        )
    (prediction,) = tree.leaves(predictions)
    cts = cotangents(recorded, split(recorded))
    products = _products(recorded, cts, len(tree.leaves(model)))
    if not products:
        raise errors.ArgumentError(
            "inspect.layers: the model multiplies none of its parameters with its input, so it "
            "has no layers to show; use inspect.table"
        )
    paths = tree.paths(model)
    # What a layer hands on: what the next one multiplies with its weights, or the prediction.
    position = _variable(recorded, cts, prediction._trace.position(prediction))
    handed_on = [p.input for p in products[1:]] + [position]
    found = []
    for product, a in zip(products, handed_on, strict=True):

        def at(position: int | None) -> Any:
            return None if position is None else export(value_at(recorded, position))

        def ct(position: int | None) -> Any:
            return None if position is None else export(cts[position])

        found.append(
            Layer(
                name=paths[recorded.inputs[product.weight]].lstrip("."),
                weight=at(product.weight),
                bias=at(product.bias),
                input=at(product.input),
                z=at(product.z),
                a=at(a),
                da=ct(a),
                delta=ct(product.z),
                dW=ct(product.weight),
                db=ct(product.bias),
                elementwise=_is_elementwise(recorded, product.z, a),
                chained=len(_users(recorded, a)) == 1,
            )
        )
    return Layers(found, export(value_at(recorded, recorded.output)))


@dataclass
class _Product:
    """Positions on the tape."""

    weight: int
    input: int
    z: int
    bias: int | None


def _users(recorded: Run, position: int) -> list[int]:
    """Positions of what is computed from a variable, seen through views of it."""
    found = []
    for i, node in enumerate(recorded.nodes):
        if position in parents_of(node):
            found += _users(recorded, i) if is_view(node) else [i]
    return found


def _is_elementwise(recorded: Run, z: int, a: int) -> bool:
    """Whether nothing but elementwise functions lies between ``z`` and ``a``."""
    pending, seen = [a], {z}
    while pending:
        position = pending.pop()
        if position in seen:
            continue
        seen.add(position)
        node = recorded.nodes[position]
        if not isinstance(getattr(node, "primitive", None), Elementwise):
            return False
        pending += parents_of(node)
    return value_at(recorded, z).shape == value_at(recorded, a).shape


def _variable(recorded: Run, cts: Container[int], position: int) -> int:
    """The variable, one of those with a cotangent, that ``position`` is a view of, or is."""
    while position not in cts and is_view(recorded.nodes[position]):
        (position,) = parents_of(recorded.nodes[position])
    return position


def _products(recorded: Run, cts: Container[int], parameters: int) -> list[_Product]:
    nodes, calls = recorded.nodes, recorded.calls
    users: dict[int, list[int]] = {}
    for i, node in enumerate(nodes):
        for p in parents_of(node):
            users.setdefault(p, []).append(i)

    def is_parameter(p: int) -> bool:
        return p < len(recorded.inputs) and recorded.inputs[p] < parameters

    found = []
    for i, node in enumerate(nodes):
        if getattr(getattr(node, "primitive", None), "name", "") not in PRODUCTS:
            continue
        factors = [None if p is None else _variable(recorded, cts, p) for p in node.parents]
        weights = [p for p in factors if p is not None and is_parameter(p)]
        others = [p for p in factors if p is not None and not is_parameter(p)]
        if len(weights) != 1 or len(others) != 1:
            continue
        z = i
        while len(users.get(z, ())) == 1 and calls[users[z][0]] == calls[z]:
            (z,) = users[z]  # to the end of the call
        added, bias = z, None
        while len(users.get(added, ())) == 1 and bias is None:
            (added,) = users[added]
            terms = [_variable(recorded, cts, p) for p in parents_of(nodes[added])]
            bias = next((p for p in terms if is_parameter(p)), None)
            if not is_view(nodes[added]):
                break
        if bias is not None and nodes[added].primitive.name == "add":
            z = added
        else:
            bias = None
        if z in cts:  # else the cost does not depend on it
            found.append(_Product(weights[0], others[0], z, bias))
    return found


class Layers(Report):
    """The layers of a model in the order of computation; ``cost`` is C."""

    def __init__(self, found: Sequence[Layer], cost: Any) -> None:
        self.layers = list(found)
        self.cost = cost

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, n: int) -> Layer:
        return self.layers[n]

    def sheets(self) -> Sequence[Sheet]:
        """One table for each layer."""
        found = []
        for n, layer in enumerate(self.layers, 1):
            over = "sum over the batch of " if len(layer.z.shape) > 1 else ""
            if n == len(self.layers):
                da = "from the cost (Fact 1)"
            else:
                da = "W^t delta of the layer above (Fact 6)" if layer.chained else "of every user"
            activation, delta = "handed on", "from dC/da"
            if layer.a is layer.z:
                activation, delta = "z", "dC/da"
            elif layer.elementwise:
                activation, delta = "s(z)", "dC/da (.) s'(z) (Fact 2)"
            rows = [
                ("a'", "input" if n == 1 else "from the layer below", layer.input),
                ("z", "W a'" if layer.bias is None else "W a' + b", layer.z),
                ("a", activation, layer.a),
                ("dC/da", da, layer.da),
                ("delta = dC/dz", delta, layer.delta),
                ("dC/dW", over + "delta (outer) a' (Fact 5)", layer.dW),
            ]
            if layer.bias is not None:
                rows.append(("dC/db", over + "delta (Fact 3)", layer.db))
            found.append(
                Sheet(
                    f"Layer {n}: {layer.name}, {tuple(layer.weight.shape)}",
                    ("", "is", "value"),
                    [(name, formula, summary(value)) for name, formula, value in rows],
                )
            )
        return [*found, Sheet(f"C = {summary(self.cost)}", (), [])]

    def _repr_svg_(self) -> str:
        def line(name: str, value: Any, kind: str = "value") -> Line:
            return Line(f"{name:<6} {clipped(summary(value))}", kind)

        cards = [Card((Line("input", "title"), line("a'", self.layers[0].input)), "input")]
        edges = []
        for n, layer in enumerate(self.layers, 1):
            lines = [
                Line(f"layer {n}: {layer.name} {tuple(layer.weight.shape)}", "title"),
                line("z", layer.z),
                line("a", layer.a),
                line("dC/da", layer.da, "derivative"),
                line("delta", layer.delta, "derivative"),
                line("dC/dW", layer.dW, "derivative"),
            ]
            if layer.bias is not None:
                lines.append(line("dC/db", layer.db, "derivative"))
            cards.append(Card(tuple(lines)))
            edges.append(
                Edge(n - 1, n, ("z = W a' + b" if layer.bias is not None else "z = W a'",))
            )
        cards.append(Card((Line(f"C = {summary(self.cost)}", "title"),), "output"))
        edges.append(Edge(len(self.layers), len(cards) - 1))
        return svg(cards, edges, f"{len(self.layers)} layers and their derivatives")
