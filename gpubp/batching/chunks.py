"""A batch run in chunks that fit: walked with recovery from full memory, results put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gpubp import errors
from gpubp.core import tree
from gpubp.core.backend import backend_of
from gpubp.core.exhaustion import exhausted, is_exhausted
from gpubp.core.namespace import Namespace, is_array, namespace_of
from gpubp.core.registry import FUNCTIONS, METHODS
from gpubp.core.shapes import normalize_axis
from gpubp.transforms.arguments import export, plain

PLACES = ("device", "host")


@dataclass
class Job:
    """A function of a batch, as chunks of it run.

    Attributes:
        name: what errors call it.
        call: from the leaves of the arguments, with the batch or a part of it, to the result.
        leaves: of the arguments, payloads.
        axes: of the batch in each leaf; ``None`` for what all examples share.
        size: number of examples.
        namespace: where it runs.
        split: called before the first chunk that is not the whole.
        needed: bytes for one example, asked for when they were not there.
    """

    name: str
    call: Callable[[Sequence[Any]], Any]
    leaves: Sequence[Any]
    axes: Sequence[int | None]
    size: int
    namespace: Namespace
    split: Callable[[], None] = lambda: None
    needed: Callable[[], int | None] = lambda: None

    def part(self, start: int, stop: int) -> list[Any]:
        """The leaves of some of the examples."""
        if stop - start == self.size:
            return list(self.leaves)
        return [
            x if axis is None else cut(x, axis, start, stop)
            for x, axis in zip(self.leaves, self.axes, strict=True)
        ]


def cut(x: Any, axis: int, start: int, stop: int) -> Any:
    """The elements from ``start`` to ``stop`` along an axis."""
    return METHODS["getitem"](x, (slice(None),) * axis + (slice(start, stop),))


class Result(Protocol):
    """What is made of the results of chunks."""

    def take(self, found: Any, start: int, stop: int) -> Any:
        """The result of one chunk; what the walk shall pass on of it."""

    def whole(self) -> Any:
        """The result of the batch."""


def run(job: Job, chunk: int, result: Result) -> Any:
    """The result of the whole batch.

    Raises:
        OutOfDeviceMemoryError: where one example does not fit.
    """
    for _ in walk(job, chunk, result):
        pass
    return result.whole()


def walk(job: Job, chunk: int, result: Result) -> Iterator[tuple[int, int, Any]]:
    """Run chunk after chunk; give first example, end, and what ``result`` made of it.

    Where memory is exhausted, everything that the failed chunk held is let go, the library gives
    back what it keeps in reserve, and chunks of half the size go on from the finished ones.
    """
    start = 0
    while start < job.size or start == job.size == 0:  # nothing, too, has a shape
        stop = min(start + chunk, job.size)
        if start == 0 and stop < job.size:
            job.split()
        found, full = None, False
        try:
            with job.namespace.backend.on(job.namespace.device):  # results are written into arrays
                found = result.take(job.call(job.part(start, stop)), start, stop)
        except Exception as error:
            full = is_exhausted(error, job.namespace)
            if not full:
                raise
        if full:
            job.namespace.backend.release_memory(job.namespace.device)
            if stop - start == 1:
                raise _too_large(job)
            chunk = (stop - start) // 2
            continue
        yield start, stop, found
        if stop == job.size:
            return
        start = stop


def _too_large(job: Job) -> errors.OutOfDeviceMemoryError:
    return exhausted(
        job.name,
        job.namespace,
        job.needed(),
        "one example alone does not fit: free memory, use a smaller dtype, or checkpoint parts of "
        'the function; results that are larger than the device fit the host with out="host"',
    )


class Joined:
    """Results of chunks laid side by side, each array allocated once.

    Args:
        size: number of examples.
        out_axes: where the batch stands in each leaf of the result, or ``None``; a prefix.
        out: ``"device"`` or ``"host"``.
    """

    def __init__(self, size: int, out_axes: Any = 0, out: str = "device") -> None:
        self.size = size
        self.out_axes = out_axes
        self.out = out
        self.treedef: tree.TreeDef | None = None
        self.leaves: list[Any] = []

    def take(self, found: Any, start: int, stop: int) -> Any:
        parts = [plain(x) for x in tree.leaves(found)]
        axes = tree.broadcast_prefix(self.out_axes, found)
        if self.out == "host":
            parts = [to_host(x) for x in parts]
        if stop - start == self.size:
            self.leaves = parts
        else:
            if not self.leaves:
                self.leaves = [_room(x, a, self.size) for x, a in zip(parts, axes, strict=True)]
            for whole, x, axis in zip(self.leaves, parts, axes, strict=True):
                if axis is not None and is_array(x):
                    axis = normalize_axis(axis, len(x.shape), "out_axes")
                    whole[(slice(None),) * axis + (slice(start, stop), ...)] = x
        self.treedef = tree.structure(found)
        return None

    def whole(self) -> Any:
        assert self.treedef is not None
        return tree.unflatten(self.treedef, [export(x) for x in self.leaves])


def _room(x: Any, axis: int | None, size: int) -> Any:
    """An array like ``x`` for the whole batch."""
    if axis is None or not is_array(x):
        return x
    axis = normalize_axis(axis, len(x.shape), "out_axes")
    backend = backend_of(x)
    shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
    return backend.xp.empty(shape, dtype=x.dtype, device=backend.device_of(x))


def to_host(x: Any) -> Any:
    """An array's values as an array of the host; what is no array stays."""
    return backend_of(x).to_numpy(x) if is_array(x) else x


class Concatenated:
    """The same for arrays of another transformation, which can't be written in place."""

    def __init__(self, out_axes: Any = 0) -> None:
        self.out_axes = out_axes
        self.parts: list[Any] = []

    def take(self, found: Any, start: int, stop: int) -> Any:
        self.parts.append(found)

    def whole(self) -> Any:
        axes = tree.broadcast_prefix(self.out_axes, self.parts[0])
        columns = zip(*[[plain(x) for x in tree.leaves(p)] for p in self.parts], strict=True)
        joined = [
            column[0]
            if axis is None or not is_array(column[0])
            else FUNCTIONS["concat"](column, axis=axis)
            for column, axis in zip(columns, axes, strict=True)
        ]
        return tree.unflatten(tree.structure(self.parts[0]), [export(x) for x in joined])


class Summed:
    """Sums over examples: those of chunks added up."""

    def __init__(self) -> None:
        self.total: Any = None

    def take(self, found: Any, start: int, stop: int) -> Any:
        found = tree.map(plain, found)
        self.total = found if self.total is None else tree.map(FUNCTIONS["add"], self.total, found)
        return None

    def whole(self) -> Any:
        return tree.map(export, self.total)


class Passed:
    """Results of chunks passed on one by one."""

    def __init__(self, out: str = "device") -> None:
        self.out = out

    def take(self, found: Any, start: int, stop: int) -> Any:
        return tree.map(to_host, found) if self.out == "host" else found

    def whole(self) -> Any:
        return None


def home(leaves: Sequence[Any]) -> Namespace:
    """Backend and device of the first array."""
    return next(namespace_of(x) for x in leaves if is_array(x))


def require_chunking(name: str, chunk_size: Any, out: str = "device") -> None:
    """Raise unless these are a chunk size and a place for results."""
    if chunk_size not in (None, "auto") and (type(chunk_size) is not int or chunk_size < 1):
        raise errors.ArgumentError(
            f"{name}: chunk_size={chunk_size!r}; give a positive number of examples, None or 'auto'"
        )
    if out not in PLACES:
        raise errors.ArgumentError(f"{name}: out={out!r}; use 'device' or 'host'")
