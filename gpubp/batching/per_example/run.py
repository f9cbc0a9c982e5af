"""One batched pass over a loss, forwards and backwards, that ends in the factors of gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gpubp.batching.per_example.gradients import Gradients
from gpubp.batching.per_example.meeting import Meeting
from gpubp.batching.per_example.terms import Dense, Term
from gpubp.batching.per_example.trace import ExampleTape, Use
from gpubp.core import tree
from gpubp.core.array import Array
from gpubp.core.namespace import is_array
from gpubp.core.shapes import shape_of, size_of
from gpubp.core.trace import running
from gpubp.rules.families import full_like, materialize
from gpubp.transforms.arguments import (
    constant,
    default_array,
    name_of,
    payload,
    require_inexact,
    require_real_scalar,
)
from gpubp.transforms.tape import Tape, pull
from gpubp.transforms.vmap import BatchTrace, batch_size


class Pass(NamedTuple):
    """What a pass leaves."""

    losses: Any  # (batch,)
    gradients: Gradients
    treedef: tree.TreeDef  # of the parameters


def run(loss: Callable[..., Any], params: Any, batch: Sequence[Any], name: str) -> Pass:
    """Losses of all examples, and the factors of their gradients.

    Raises:
        ArgumentError: where the leaves of ``batch`` have no common first axis.
        DifferentiationError: if ``loss`` returns no real scalar, or a parameter has no derivative.
    """
    leaves, treedef = tree.flatten(params)
    leaves = [payload(x) for x in leaves]
    leaves = [default_array(x, leaves) if type(x) in (float, complex) else x for x in leaves]
    for i, x in enumerate(leaves):
        require_inexact(x, tree.paths(params)[i], name)
    examples, example_tree = tree.flatten(tuple(batch))
    examples = [payload(x) for x in examples]
    size = batch_size(loss, tuple(batch), examples, [0 if is_array(x) else None for x in examples])
    with (
        running(Tape()) as parameters,
        running(BatchTrace(size)) as mapped,
        running(ExampleTape(parameters)) as tape,
    ):
        traced = [parameters.input(x) for x in leaves]
        rows = [
            Array(Array(x, mapped, True), tape, None) if is_array(x) else constant(x)
            for x in examples
        ]
        out = loss(tree.unflatten(treedef, traced), *tree.unflatten(example_tree, rows))
        uses = list(tape.uses)
        y, position = _scalar(out, loss, tape, uses)
        seed = full_like(y, 1)
        cts = [] if position is None else pull(tape.nodes, [position], [seed], consume=True)
        terms = [
            (use.parameter, _term(use, cts[use.probe], mapped))
            for use in uses
            if use.probe < len(cts) and cts[use.probe] is not None
        ]
        losses = materialize(*_lowered(y, mapped), size)
    return Pass(losses, Gradients(parameters.nodes, leaves, size, terms), treedef)


def _scalar(out: Any, loss: Any, tape: ExampleTape, uses: list[Use]) -> tuple[Any, int | None]:
    """The result as a payload of the batch, and its position on the tape."""
    require_real_scalar(
        out,
        f"per_example: {name_of(loss)} must return the real floating-point loss of one example,",
        "it gets one example, without the batch's axis: sum over what is left",
    )
    if type(out) is Array and out._trace is tape.parameters:
        # No example has a part in it: the same for all.
        if out._extra is not None:
            uses.append(Use(out._extra, len(tape.nodes), out._value, "loss", None, (), {}, 1))
            tape.nodes.append(None)
            return out._value, len(tape.nodes) - 1
        return out._value, None
    return tape.lower(out), tape.position(out)


def _lowered(x: Any, mapped: BatchTrace) -> tuple[Any, bool]:
    """Payload below the batch, and whether it has one."""
    payload, batched = mapped.result(x)
    return payload, bool(batched)


def _term(use: Use, ct: Any, mapped: BatchTrace) -> Term:
    value = materialize(*_lowered(ct, mapped), mapped.size)
    if use.consumer is not None:
        operands, batched = zip(*[_lowered(x, mapped) for x in use.others], strict=True)
        meeting = Meeting(use.name, use.params, value, operands, batched, mapped.size)
        return use.consumer.term(meeting)
    if size_of(shape_of(use.value)) <= use.result:
        return Dense(use.name, value, "no larger than its result")
    return Dense(use.name, value, "no factors are known")
