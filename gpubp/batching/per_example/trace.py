"""Where parameters meet examples, on a tape.

Three traces run while a loss is differentiated for each example:

- the parameters are on a plain tape, without a batch: what is computed from them alone (a
  transpose, a mask, a normalised weight) is recorded there, once for all examples;
- above it the batch: every primitive is called once for all examples;
- above that the :class:`ExampleTape`. Where an array of the parameters' tape meets an example, it
  puts a zero probe on the result. One pull then gives d_z at each probe; the other operand is a'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gpubp.batching.per_example.consumers import CONSUMERS, Consumer
from gpubp.core.array import Array
from gpubp.core.primitive import Primitive
from gpubp.core.shapes import size_of
from gpubp.rules.elementwise import add
from gpubp.rules.families import shape_only
from gpubp.transforms.checkpoint import Checkpoint
from gpubp.transforms.tape import Node, Tape


class Use(NamedTuple):
    """One place where an array of the parameters' tape meets examples."""

    parameter: int  # position on the parameters' tape
    probe: int  # position on the examples' tape
    value: Any  # of the array
    name: str  # of the primitive
    consumer: Consumer | None  # with which the probe finds d_z; None: the gradient itself
    others: Sequence[Any]  # the arguments, for the consumer
    params: dict[str, Any]
    result: int  # number of elements of one example's result


class ExampleTape(Tape):
    """Payload: arrays of the batch. Extra: the position on the tape; ``None`` for constants."""

    def __init__(self, parameters: Tape) -> None:
        super().__init__()
        self.parameters = parameters
        self.uses: list[Use] = []

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        values, met = self._below(args)
        if not met or not primitive.differentiable:
            return super().process(primitive, values, params)
        consumer = CONSUMERS.get((primitive.name, *met))  # of a single argument
        if consumer is None or not consumer.applies(values, params):
            return self._dense(super().process, primitive, values, met, params)
        y = super().process(primitive, values, params)
        ((which, parameter),) = met.items()
        probe, position = self._probed(y)
        others = [self.lower(v) for v in values]
        size = size_of(y.shape)
        self.uses.append(
            Use(parameter, probe, others[which], primitive.name, consumer, others, params, size)
        )
        return Array(y._value, self, position)

    def process_call(self, call: Any, args: Sequence[Any]) -> Any:
        values, met = self._below(args)
        if not met:
            return super().process_call(call, values)
        if isinstance(call, Checkpoint):
            # The factors are what has to be kept: there is nothing to save by computing again.
            return call.run(*args)
        return self._dense(
            lambda call, values, _: super(ExampleTape, self).process_call(call, values),
            call,
            values,
            met,
            {},
        )

    def _below(self, args: Sequence[Any]) -> tuple[list[Any], dict[int, int]]:
        """The arguments without the parameters' trace; of those that had it, the positions."""
        values = list(args)
        met = {}
        for i, a in enumerate(args):
            if type(a) is Array and a._trace is self.parameters:
                values[i] = a._value
                if a._extra is not None:
                    met[i] = a._extra
        return values, met

    def _probed(self, y: Array) -> tuple[int, int]:
        """Positions of a zero probe, and of ``y`` with the probe added."""
        nodes = self.nodes
        nodes.append(None)
        probe = len(nodes) - 1
        if y._extra is None:
            return probe, probe
        known = shape_only(y._value)
        nodes.append(Node(add, [known, known], known, {}, [y._extra, probe]))
        return probe, probe + 1

    def _dense(
        self,
        process: Any,
        primitive: Primitive,
        values: list[Any],
        met: dict[int, int],
        params: dict[str, Any],
    ) -> Any:
        """The arrays as inputs of this tape, whose own rule gives the gradient of each example."""
        first = len(self.nodes)
        inputs = {i: self.input(values[i]) for i in met}
        y = process(primitive, [inputs.get(i, v) for i, v in enumerate(values)], params)
        size = sum(size_of(e.shape) for e in (y if isinstance(y, tuple) else (y,)))
        for probe, (i, parameter) in enumerate(met.items(), first):
            self.uses.append(Use(parameter, probe, values[i], primitive.name, None, (), {}, size))
        return y
