"""``gpubp.compile``: a function recorded once for each kind of arguments, then replayed."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from gpubp import errors
from gpubp.compiler.call import ProgramCall
from gpubp.compiler.program import Program, Value
from gpubp.compiler.record import record
from gpubp.compiler.repeat import OtherKind, Repeat
from gpubp.core import tree
from gpubp.core.abstract import SCALARS, ShapeDtype
from gpubp.core.array import Array
from gpubp.core.namespace import Namespace, default_dtype, is_array, namespace_of
from gpubp.core.stack import stack
from gpubp.transforms.arguments import (
    constant,
    default_array,
    export,
    name_of,
    plain,
    require_callable,
)

PROGRAMS = 128  # kept for each compiled function; the one unused for longest goes first

ARRAY = object()  # stands for an array, or a Python number, among a call's static leaves


class Recorded:
    """One program of a function, with the trees that lead in and out of it.

    Attributes:
        program: what was recorded, unchanged.
        call: the program as an operation, executable and differentiable.
        captured: traced arrays from outside that the function closes over; further arguments.
    """

    def __init__(
        self, f: Callable[..., Any], treedef: tree.TreeDef, leaves: Sequence[Any], donated: Any = ()
    ) -> None:
        self.treedef = treedef
        static = [ARRAY if is_dynamic(x) else x for x in leaves]
        inputs = values_of([x for x in leaves if is_dynamic(x)])

        def flat(*arrays: Any) -> list[Any]:
            given = iter(arrays)
            args, kwargs = tree.unflatten(
                treedef, [next(given) if s is ARRAY else constant(s) for s in static]
            )
            out_leaves, self.out_tree = tree.flatten(f(*args, **kwargs))
            self.results = [ARRAY if is_dynamic(y) else y for y in out_leaves]
            return [plain(y) for y in out_leaves if is_dynamic(y)]

        self.program: Program
        self.program, self.captured = record(flat, inputs)
        self.call = ProgramCall(self.program, frozenset(donated))

    def repeat(self, leaves: Sequence[Any]) -> Repeat | None:
        """The shortest way to call it again, where nothing is traced and nothing static."""
        executable = self.call.executable
        raw = all(is_dynamic(x) and type(x) not in (Array, ShapeDtype) for x in leaves)
        static = self.captured or any(s is not ARRAY for s in self.results)
        if executable is None or static or not raw or stack.traces:
            return None
        return Repeat(self.treedef, leaves, executable, self.out_tree)

    def finish(self, payloads: Sequence[Any]) -> Any:
        """The user's result from the payloads of its arrays."""
        found = iter(payloads)
        return tree.unflatten(
            self.out_tree, [export(next(found)) if s is ARRAY else s for s in self.results]
        )


def is_dynamic(x: Any) -> bool:
    """Whether a leaf is an input of the program: an array or a number."""
    return type(x) in SCALARS or is_array(x) or type(x) is ShapeDtype


def values_of(leaves: Sequence[Any]) -> list[Value]:
    """Inputs of a program for arrays, arrays without values, and Python numbers."""
    home = _home(leaves)
    return [
        Value((), default_dtype(home, type(x)), home, type(x))
        if type(x) in SCALARS
        else Value(tuple(x.shape), x.dtype, namespace_of(x))
        for x in leaves
    ]


def _home(leaves: Sequence[Any]) -> Namespace:
    """Where arrays that are made of numbers belong: beside the other arguments."""
    for x in leaves:
        if type(x) not in SCALARS:
            return namespace_of(x)
    return namespace_of(default_array(0.0, []))


def compile(
    f: Callable[..., Any],
    static_argnums: int | Sequence[int] = (),
    donate: int | Sequence[int] = (),
) -> Callable[..., Any]:
    """``f`` recorded once for each kind of arguments, then run as one planned program.

    At the first call ``f`` runs on arrays without values; its operations, those of derivatives and
    optimiser updates inside included, are written down, simplified, fused and given memory. Later
    calls with the same structure, shapes, dtypes, device and static arguments run that program and
    none of ``f``'s Python. ``grad``, ``vmap`` and the other transformations of a compiled function
    run compiled derivatives.

    Args:
        f: function of trees of arrays and Python numbers. Arrays that it closes over are constants
            of the program: writing into one later has no defined effect.
        static_argnums: positional arguments that ``f`` may branch on; they must be hashable, and
            each value has a program of its own. Leaves that are neither arrays nor numbers
            (strings, ``None``) always are.
        donate: positional arguments whose arrays the call may overwrite and return as results
            (parameters, optimiser state); the caller must not use them afterwards.

    Returns:
        A function of the same arguments. Its results never share memory with each other's calls.

    Raises:
        UnknownValueError: at the line of ``f`` that needs a value: ``bool(x)``, ``int(x)``, a
            boolean mask as index.
        ArgumentError: for an unhashable static argument.

    Examples:
        >>> import gpubp, numpy as np
        >>> step = gpubp.compile(gpubp.grad(lambda w, x: np.sum(np.tanh(x @ w))))
        >>> step(np.zeros((2, 3)), np.ones((4, 2))).shape
        (2, 3)
    """
    require_callable(f, "compile")
    return functools.update_wrapper(Compiled(f, _numbers(static_argnums), _numbers(donate)), f)


def _numbers(argnums: int | Sequence[int]) -> tuple[int, ...]:
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


class Compiled:
    """A compiled function; ``programs`` are those it has recorded so far, the latest used last."""

    def __init__(
        self, f: Callable[..., Any], static_argnums: tuple[int, ...], donate: tuple[int, ...]
    ) -> None:
        self.f = f
        self.static_argnums = static_argnums
        self.donate = donate
        self.programs: OrderedDict[Any, Recorded] = OrderedDict()
        self._repeat: Repeat | None = None
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if stack.recorder is not None:
            return self.f(*args, **kwargs)  # part of a larger program
        if self._repeat is not None and not stack.traces:
            leaves, treedef = tree.flatten((args, kwargs))
            if treedef == self._repeat.treedef:
                try:
                    return self._repeat(leaves)
                except OtherKind:
                    pass
        recorded, leaves = self.recorded(args, kwargs)
        arrays = [plain(x) for x in leaves if is_dynamic(x)]
        found = recorded.finish(recorded.call(*arrays, *recorded.captured))
        self._repeat = None if self.static_argnums else recorded.repeat(leaves)
        return found

    def recorded(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Recorded, list[Any]]:
        """The program for these arguments, recorded if none fits yet, and their leaves."""
        static, dynamic = self._split(args)
        leaves, treedef = tree.flatten((dynamic, kwargs))
        key = treedef, static, tuple([_kind(x) for x in leaves])
        try:
            recorded = self.programs.get(key)
        except TypeError as error:
            raise self._unhashable(static, leaves) from error
        if recorded is None:
            recorded = self._record(static, leaves, treedef, key)
        else:
            self.programs.move_to_end(key)
        return recorded, leaves

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def _split(self, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Static arguments with their positions, and the others."""
        if not self.static_argnums:
            return (), args
        static = {n % len(args) for n in self.static_argnums if -len(args) <= n < len(args)}
        return (
            tuple((n, args[n]) for n in sorted(static)),
            tuple(a for n, a in enumerate(args) if n not in static),
        )

    def _record(
        self, static: tuple[Any, ...], leaves: list[Any], treedef: tree.TreeDef, key: Any
    ) -> Recorded:
        def f(*dynamic: Any, **kwargs: Any) -> Any:
            args = list(dynamic)
            for n, value in static:
                args.insert(n, value)
            return self.f(*args, **kwargs)

        with self._lock:
            recorded = Recorded(f, treedef, leaves, self._donated(static, treedef, leaves))
            if not recorded.captured:  # else it holds for this one call
                self.programs[key] = recorded
                if len(self.programs) > PROGRAMS:
                    self.programs.popitem(last=False)
        return recorded

    def _donated(
        self, static: tuple[Any, ...], treedef: tree.TreeDef, leaves: Sequence[Any]
    ) -> list[int]:
        """Positions of the donated arguments' leaves among the program's inputs."""
        specs = treedef.children()[0].children()
        count = len(specs) + len(static)
        taken = {n for n, _ in static}
        donated = {n % count for n in self.donate if -count <= n < count}
        if len(donated) != len(self.donate):
            raise errors.ArgumentError(
                f"compile: donate={self.donate}, but {name_of(self.f)} was called with {count} "
                "positional arguments; donate the ones that are there, by position"
            )
        marks = [
            n in donated
            for n, spec in zip((n for n in range(count) if n not in taken), specs, strict=True)
            for _ in range(spec.num_leaves)
        ]
        marks += [False] * (len(leaves) - len(marks))
        inputs = [mark for mark, x in zip(marks, leaves, strict=True) if is_dynamic(x)]
        return [i for i, mark in enumerate(inputs) if mark]

    def _unhashable(
        self, static: tuple[Any, ...], leaves: Sequence[Any]
    ) -> errors.ArgumentError | TypeError:
        for what, x in [(f"static argument {n}", x) for n, x in static] + [
            ("a leaf of the arguments", x) for x in leaves if not is_dynamic(x)
        ]:
            try:
                hash(x)
            except TypeError:
                return errors.ArgumentError(
                    f"compile: {what} of {name_of(self.f)} is a {type(x).__name__}, which has no "
                    "hash, so a program cannot be found by it; pass a tuple, a string, a number or "
                    "a frozen dataclass"
                )
        return TypeError("compile: the arguments cannot be hashed")


def _kind(x: Any) -> Any:
    """What a program depends on in one leaf: for arrays and numbers not the value."""
    kind = type(x)
    if kind in SCALARS:
        return kind
    if kind is Array or is_array(x):
        return tuple(x.shape), x.dtype, namespace_of(x)
    return x
