"""A batch in chunks whose size the caller gives, or leaves to the memory plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from gpubp import errors
from gpubp.batching.chunks import (
    Concatenated,
    Job,
    Joined,
    Passed,
    Summed,
    home,
    require_chunking,
    run,
    walk,
)
from gpubp.batching.forecast import Forecast, budget
from gpubp.compiler.compiled import Compiled
from gpubp.compiler.memory import nbytes
from gpubp.compiler.program import Value
from gpubp.core import tree
from gpubp.core.exhaustion import own_errors
from gpubp.core.namespace import is_array
from gpubp.core.stack import stack
from gpubp.transforms.arguments import payload
from gpubp.transforms.vmap import batch_size

Call = Callable[[Sequence[Any]], Any]
Leaves = Sequence[Any]
Axes = Sequence[int | None]

# Below this nobody is asked how much memory is free: looking takes longer than such a batch.
SMALL_BYTES = 8 << 20


class Chunked:
    """Runs one function's batches; remembers what was found out about each kind of them.

    Args:
        name: what errors call the function.
        chunk_size: examples at a time; ``None`` for all; ``"auto"`` for as many as fit.
        out: where results are kept, ``"device"`` or ``"host"``.

    Raises:
        ArgumentError: unless these are a chunk size and a place.
    """

    def __init__(self, name: str, chunk_size: int | str | None, out: str = "device") -> None:
        require_chunking(name, chunk_size, out)
        self.name = name
        self.chunk_size = chunk_size
        self.out = out
        self._known: dict[Any, _Known] = {}

    # The methods' arguments: the function of a part's leaves; the leaves of the whole batch; the
    # batch's axis in each, or None; its size; and ``key``, for what the function depends on beside
    # the leaves: without one, nothing is remembered.

    def joined(
        self, call: Call, leaves: Leaves, axes: Axes, size: int, out_axes: Any, key: Any
    ) -> Any:
        """Results for examples side by side; ``out_axes`` says where in each leaf."""
        job = Job(self.name, call, leaves, axes, size, home(leaves))
        if _within():
            return run(job, self._given(job), Concatenated(out_axes))
        with own_errors(self.name, job.namespace):
            joined = Joined(size, out_axes, self.out)
            return run(*self._planned(job, key, kept=self.out == "device"), joined)

    def summed(
        self,
        call: Call,
        leaves: Leaves,
        axes: Axes,
        size: int,
        key: Any,
        split: Callable[[], None] = lambda: None,
    ) -> Any:
        """The sum of the chunks' results; ``split`` is called before the first of several."""
        job = Job(self.name, call, leaves, axes, size, home(leaves), split)
        if _within():
            return run(job, self._given(job), Summed())
        with own_errors(self.name, job.namespace):
            return run(*self._planned(job, key, kept=False), Summed())

    def passed(
        self, call: Call, leaves: Leaves, axes: Axes, size: int, key: Any
    ) -> Iterator[tuple[int, int, Any]]:
        """Results of chunks one by one, with first example and end."""
        job = Job(self.name, call, leaves, axes, size, home(leaves))
        return walk(*self._planned(job, key, kept=False), Passed(self.out))

    def _given(self, job: Job) -> int:
        return self.chunk_size if type(self.chunk_size) is int else job.size

    def _planned(self, job: Job, key: Any, kept: bool) -> tuple[Job, int]:
        """The job as it will run, and the size of its chunks.

        Args:
            kept: whether the results of the whole batch will lie on the device.
        """
        if type(self.chunk_size) is int or self.chunk_size is None:
            return job, self._given(job)
        if key is None:
            return _Known(job).plan(job, kept)
        kind = _kind(job, key)
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = _Known(job)
        return known.plan(job, kept)


def beside_parameters(
    f: Callable[..., Any], args: Sequence[Any]
) -> tuple[list[Any], tree.TreeDef, list[int | None], int]:
    """Leaves of ``(params, *batch)``, their tree, the batch's axis in each, and its size."""
    leaves, treedef = tree.flatten(tuple(args))
    leaves = [payload(x) for x in leaves]
    shared = tree.structure(args[0]).num_leaves
    axes = [0 if i >= shared and is_array(x) else None for i, x in enumerate(leaves)]
    return leaves, treedef, axes, batch_size(f, args, leaves, axes)


class _Known:
    """What is known of one kind of batch."""

    def __init__(self, job: Job) -> None:
        self.where = [i for i, x in enumerate(job.leaves) if is_array(x)]
        self.forecast = Forecast(
            self._flat(job),
            [job.leaves[i] for i in self.where],
            [job.axes[i] for i in self.where],
        )
        self.results = 0
        self.everything: int | None = None  # None: it can't be recorded
        try:
            self.everything = self.forecast.everything(job.size)
        except errors.UnknownValueError:  # it looks at values: no plan can be made
            return

    def _flat(self, job: Job) -> Any:
        run_part = job.call
        others = [None if is_array(x) else x for x in job.leaves]  # the arrays are not kept

        def flat(*arrays: Any) -> Any:
            leaves = list(others)
            for i, x in zip(self.where, arrays, strict=True):
                leaves[i] = x
            return run_part(leaves)

        return flat

    def plan(self, job: Job, kept: bool) -> tuple[Job, int]:
        """As :meth:`Chunked._planned`."""
        job = replace(job, needed=self._needed)
        if self.everything is None or self.everything <= SMALL_BYTES:
            return job, job.size
        limit = budget(job.namespace)
        if limit is None or self.everything <= limit:
            return job, job.size
        if kept:
            outputs = self.forecast.program(job.size).outputs
            limit -= sum(nbytes(y) for y in outputs if type(y) is Value)
        chunk = self.forecast.fitting(limit, job.size)
        chunk = min(chunk, self.forecast.saturating(job.size))
        # The program that was planned is the one to run. It is recorded again for each batch: who
        # has not asked for compile may rebind what the function closes over, and see it.
        compiled = Compiled(self.forecast.f, (), ())

        def call(leaves: Sequence[Any]) -> Any:
            return compiled(*[leaves[i] for i in self.where])

        return replace(job, call=call), chunk

    def _needed(self) -> int | None:
        if self.everything is None:
            return None
        return self.forecast.plan(1).peak_bytes


def _within() -> bool:
    """Whether another transformation has to see the chunks, or a recording the whole."""
    return stack.recorder is not None or bool(stack.traces)


def _kind(job: Job, key: Any) -> Any:
    """What batches that need the same memory have in common."""
    leaves = tuple(
        (type(x), tuple(x.shape), str(x.dtype)) if is_array(x) else x for x in job.leaves
    )
    return key, job.size, tuple(job.axes), leaves
