"""Calls of a user's function that a transformation treats as one operation.

A :class:`Call` is a primitive made for one call of :func:`checkpoint` or of a function with
custom rules. Its arguments are the array leaves of the user's arguments, followed by the traced
arrays that the function closes over: those are found by running it once on shapes alone
(:class:`Capture`), and replaced whenever it runs (:class:`Substitution`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gpubp.core import tree
from gpubp.core.abstract import ShapeDtype
from gpubp.core.array import Array
from gpubp.core.namespace import is_array, namespace_of
from gpubp.core.primitive import Primitive
from gpubp.core.stack import stack
from gpubp.core.trace import EVALUATION, Trace, running
from gpubp.errors import UnknownValueError
from gpubp.rules.families import materialize
from gpubp.transforms.arguments import export, plain
from gpubp.transforms.jvp import JVPTrace, zeros_like
from gpubp.transforms.tape import Tape, pull, push
from gpubp.transforms.vmap import BatchTrace

Payloads = Sequence[Any]
ARRAY = object()


class Closed(Trace):
    """Processes every traced operation while it runs, arrays from outside included."""

    enclosing: Closed | None = None

    def enter(self, x: Array) -> Any:
        """Payload of an array from outside."""
        raise NotImplementedError

    def payload(self, x: Any) -> Any:
        """What this trace computes with for ``x``."""
        if type(x) is not Array:
            return x
        return x._value if x._trace is self or x._trace is EVALUATION else self.enter(x)

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        with _claimed_by(self.enclosing):
            y = primitive(*[self.payload(a) for a in args], **params)
        if isinstance(y, tuple):
            return tuple(Array(plain(e), self, None) for e in y)
        return Array(plain(y), self, None)

    def process_call(self, call: Call, args: Sequence[Any]) -> Any:
        return self.process(call, args, {})

    def run(self, f: Callable[..., Any], *args: Any) -> list[Any]:
        """Results of ``f`` as payloads of this trace."""
        self.enclosing = stack.closed
        with running(self), _claimed_by(self):
            return [self.payload(x) for x in f(*args)]


@contextmanager
def _claimed_by(trace: Closed | None) -> Iterator[None]:
    """Let ``trace`` process every traced operation in a ``with`` block."""
    before = stack.closed
    stack.closed = trace
    try:
        yield
    finally:
        stack.closed = before


class Capture(Closed):
    """Computes with shapes only, and collects the traced arrays that come from outside."""

    def __init__(self) -> None:
        self.captured: dict[int, Array] = {}

    def enter(self, x: Array) -> Any:
        self.captured.setdefault(id(x), x)
        return abstract(x)


class CaptureWithValues(Capture):
    """The same for functions whose Python branches ask for values."""

    def enter(self, x: Array) -> Any:
        super().enter(x)
        return known(x)


class Substitution(Closed):
    """Puts other payloads in the place of captured arrays."""

    def __init__(self, captured: Sequence[Array], payloads: Payloads) -> None:
        self.payloads = {id(x): p for x, p in zip(captured, payloads, strict=True)}

    def enter(self, x: Array) -> Any:
        return self.payloads[id(x)] if id(x) in self.payloads else super().lower(x)


def abstract(x: Any) -> ShapeDtype:
    """Shape and dtype of an array."""
    return ShapeDtype(tuple(x.shape), x.dtype, namespace_of(x))


class Function:
    """A user's function with the structure of one call's arguments, on flat payloads."""

    def __init__(self, f: Callable[..., Any], args: Any) -> None:
        leaves, self.treedef = tree.flatten(args)
        self.f = f
        self.static = [ARRAY if is_array(x) else x for x in leaves]
        self.arrays = [plain(x) for x in leaves if is_array(x)]
        self.out_tree: tree.TreeDef | None = None
        self.captured: list[Array] = []

    def arguments(self, arrays: Sequence[Any]) -> Any:
        """The user's arguments with these arrays in their places."""
        given = iter(arrays)
        return tree.unflatten(self.treedef, [next(given) if s is ARRAY else s for s in self.static])

    def call(self, *arrays: Any) -> list[Any]:
        """Leaves of the result for traced arrays; the structure is kept in ``out_tree``."""
        out_leaves, self.out_tree = tree.flatten(self.f(*self.arguments(arrays)))
        return out_leaves

    def close(self) -> None:
        """Find the traced arrays that the function closes over."""
        if not stack.traces:
            return
        capture = Capture()
        shapes = [Array(abstract(x), EVALUATION, None) for x in self.arrays]
        try:
            capture.run(self.call, *shapes)
        except UnknownValueError:  # Python branches on values: run it on them
            capture = CaptureWithValues()
            capture.run(self.call, *[Array(known(x), EVALUATION, None) for x in self.arrays])
        self.captured = list(capture.captured.values())

    def run(self, *payloads: Any) -> tuple[Any, ...]:
        """Results as payloads, for payloads of the arguments and the captured arrays."""
        n = len(self.arrays)
        trace = Substitution(self.captured, payloads[n:])
        arrays = [Array(p, trace, None) for p in payloads[:n]]
        return tuple(trace.run(self.call, *arrays))


def known(x: Any) -> Any:
    """The raw value of an array.

    Raises:
        UnknownValueError: if it is batched.
    """
    while type(x) is Array:
        x = x._trace.known(x)
        if x is None:
            raise UnknownValueError(
                "checkpoint: the function branches on values that are batched; use xp.where"
            )
    return x


class Call(Primitive):
    """One call of a user's function, on payloads; a subclass says how it is transformed."""

    multiple_results = True

    def __init__(self, run: Callable[..., tuple[Any, ...]]) -> None:
        self.name = type(self).__name__.lower()
        self.run = run

    def __call__(self, *args: Any, **params: Any) -> tuple[Any, ...]:
        top = None
        for a in args:
            if type(a) is Array and (top is None or a._trace.level > top.level):
                top = a._trace
        closed = stack.closed
        if any(type(a) is ShapeDtype for a in args):
            if top is not None and closed is not None:
                return closed.process_call(self, args)  # it may have to capture the others
            return self.run(*[abstract(a) if type(a) is Array else a for a in args])
        if top is not None and closed is not None and closed.level > top.level:
            top = closed
        return self.run(*args) if top is None else top.process_call(self, args)

    def jvp_call(self, primals: Payloads, tangents: Payloads) -> tuple[Payloads, Payloads]:
        """Results and their tangents; ``None`` is a zero."""
        raise NotImplementedError

    def vjp_call(self, primals: Payloads, active: Sequence[bool]) -> tuple[Payloads, Primitive]:
        """Results, and the primitive whose ``vjp`` and ``jvp`` the tape shall use."""
        raise NotImplementedError

    def batch_call(self, batched: Sequence[bool], size: int, args: Payloads) -> Payloads:
        """Results for batched arguments, every one with the batch as axis 0."""
        raise NotImplementedError


# Transformations of functions on payloads


def run_jvp(
    run: Callable[..., Any], primals: Payloads, tangents: Payloads
) -> tuple[list[Any], list[Any]]:
    """Results and tangents of ``run``; zeros are ``None``."""
    with running(JVPTrace()) as trace:
        out = run(*[Array(p, trace, t) for p, t in zip(primals, tangents, strict=True)])
        pairs = [trace.result(y) for y in out]
    return [y for y, _ in pairs], [t for _, t in pairs]


def run_linearize(
    run: Callable[..., Any], primals: Payloads, active: Sequence[bool]
) -> tuple[list[Any], SubTape]:
    """Results of ``run`` and its tape."""
    with running(Tape()) as tape:
        inputs = [
            tape.input(p) if a else Array(p, tape, None)
            for p, a in zip(primals, active, strict=True)
        ]
        out = run(*inputs)
        positions = [tape.position(y) for y in out]
        outputs = [tape.lower(y) for y in out]
    return outputs, SubTape(tape.nodes, positions, active)


def run_batch(
    run: Callable[..., Any], batched: Sequence[bool], size: int, args: Payloads
) -> list[Any]:
    """Results of ``run`` mapped over the batch axis, every one with a batch."""
    with running(BatchTrace(size)) as trace:
        out = run(*[Array(a, trace, b) if b else a for a, b in zip(args, batched, strict=True)])
        pairs = [trace.result(y) for y in out]
    return [materialize(y, b, size) for y, b in pairs]


class SubTape(Primitive):
    """A tape as a linear primitive on the enclosing tape."""

    multiple_results = True

    def __init__(
        self, nodes: list[Any], positions: Sequence[int | None], active: Sequence[bool]
    ) -> None:
        self.name = "sub-tape"
        self.nodes = nodes
        self.positions = positions
        self.active = active

    def vjp(self, needed: Any, ct: Any, y: Any, args: Any, params: Any) -> list[Any]:
        found = iter(pull(self.nodes, self.positions, ct))
        return [next(found) if a else None for a in self.active]

    def jvp(self, tangents: Any, y: Any, args: Any, params: Any) -> list[Any]:
        given = [
            zeros_like(x) if t is None else t
            for t, x, a in zip(tangents, args, self.active, strict=True)
            if a
        ]
        found = push(self.nodes, given)
        return [None if p is None else found[p] for p in self.positions]


def finish(function: Function, results: Payloads) -> Any:
    """The user's result from the payloads of its leaves."""
    assert function.out_tree is not None
    return tree.unflatten(function.out_tree, [export(y) for y in results])
