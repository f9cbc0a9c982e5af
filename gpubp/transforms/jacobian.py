"""Jacobians and Hessians: a linear map applied to every basis vector at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from gpubp import errors
from gpubp.core import tree
from gpubp.core.array import Array
from gpubp.core.exhaustion import is_exhausted, own_errors
from gpubp.core.namespace import is_array, is_inexact, namespace_of
from gpubp.core.registry import FUNCTIONS, METHODS
from gpubp.core.shapes import shape_of, size_of
from gpubp.transforms.arguments import (
    argument_numbers,
    export,
    name_of,
    plain,
    require_callable,
    with_keywords,
)
from gpubp.transforms.grad import grad
from gpubp.transforms.jvp import jvp, zeros_like
from gpubp.transforms.recording import Recording, record
from gpubp.transforms.tape import Node, pull, push
from gpubp.transforms.vmap import vmap


def jacobian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    mode: str = "auto",
    chunk_size: int | str | None = "auto",
    layout: str = "numerator",
    *,
    sparsity: Any = None,
    out: str = "device",
) -> Callable[..., Any]:
    """Function returning the Jacobian of ``f``: every partial of every result.

    Args:
        f: function of trees of arrays.
        argnums: which positional arguments to differentiate with respect to.
        mode: ``"fwd"`` (a column at a time: cheap for few inputs), ``"rev"`` (a row at a time:
            cheap for few results), or ``"auto"``, which counts both.
        chunk_size: basis vectors at a time, as in :func:`~gpubp.vmap`; ``"auto"``: as many as fit.
        layout: ``"numerator"`` gives each block shape ``out.shape + in.shape``;
            ``"denominator"`` gives ``in.shape + out.shape``.
        sparsity: for one array argument and one array result, the pattern of what can differ from
            zero: a SciPy sparse matrix (its stored entries) or a boolean array on the host, of
            shape (size of the result, size of the argument). Columns that share no row then
            share a JVP, or rows that share no column a VJP; ``"auto"`` takes what needs fewer.
            Entries that the pattern leaves out are not looked for: most show by a value where
            none may be, and ``gpubp.testing.check_sparsity`` finds them all.
        out: ``"host"`` keeps what chunks give on the host, as its arrays, so that the Jacobian may
            be larger than the device.

    Returns:
        A function of the same arguments: for each leaf of the result, the tree of the arguments
        with a block in each leaf; with ``sparsity`` a SciPy CSR matrix on the host.

    Raises:
        MissingPackageError: if ``sparsity`` is given without ``pip install 'gpubp[sparse]'``.
        ArgumentError: for an unknown mode or layout, or a pattern that does not fit.

    Examples:
        >>> import numpy as np
        >>> jacobian(lambda x: x * x)(np.asarray([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
        >>> found = jacobian(lambda x: x * x, sparsity=np.eye(2))(np.asarray([1.0, 2.0]))
        >>> found.format, found.toarray().tolist()
        ('csr', [[2.0, 0.0], [0.0, 4.0]])
    """
    require_callable(f, "jacobian")
    for given, known, what in (
        (mode, ("auto", "fwd", "rev"), "mode"),
        (layout, ("numerator", "denominator"), "layout"),
    ):
        if given not in known:
            raise errors.ArgumentError(f"jacobian: {what}={given!r}; use one of {', '.join(known)}")

    compression: Any = None
    if sparsity is not None:
        if layout != "numerator":
            raise errors.ArgumentError(
                "jacobian: with sparsity the layout is numerator; transpose the result"
            )
        from gpubp.interop.sparse import compress  # SciPy's side, which few programs need

        compression = compress(sparsity, mode)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        arrays = [x for x in tree.leaves(args) if is_array(x)]
        with own_errors("jacobian", namespace_of(arrays[0])) if arrays else nullcontext():
            return found(args, kwargs)

    def found(args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        numbers = argument_numbers(argnums, len(args), "jacobian")
        function = with_keywords(f, kwargs)
        recording = record(function, args, numbers, False, "jacobian")
        outputs = recording.outputs
        for y in outputs:
            if not (is_array(y) and is_inexact(y)):
                raise errors.DifferentiationError(
                    f"jacobian: {name_of(f)} returns a leaf of "
                    f"{getattr(y, 'dtype', type(y).__name__)}, which has no derivative"
                )
        inputs = [recording.leaves[i] for i in recording.inputs]
        if compression is not None:
            return _compressed(compression, recording, inputs, chunk_size)
        columns = sum(size_of(x.shape) for x in inputs)
        rows = sum(size_of(y.shape) for y in outputs)
        forward = mode == "fwd" or (mode == "auto" and columns < rows)
        along = inputs if forward else outputs
        mapped = _mapped(recording, inputs, forward, along, chunk_size, out)
        blocks = (_by_columns if forward else _by_rows)(mapped, inputs, outputs)
        chosen = tuple(args[n] for n in numbers)
        in_tree = tree.structure(chosen[0] if isinstance(argnums, int) else chosen)

        def leaf(block: Any, y: Any) -> Any:
            k = len(y.shape)
            if layout == "denominator":
                n = len(block.shape)
                block = FUNCTIONS["permute_dims"](block, (*range(k, n), *range(k)))
            return export(block)

        return tree.unflatten(
            recording.out_tree,
            [
                tree.unflatten(in_tree, [leaf(block, y) for block in row])
                for row, y in zip(blocks, outputs, strict=True)
            ],
        )

    transformed.__name__ = f"jacobian({name_of(f)})"
    transformed.__doc__ = f.__doc__
    return transformed


def _mapped(
    recording: Recording,
    inputs: Sequence[Any],
    forward: bool,
    along: Sequence[Any],
    chunk_size: Any,
    out: str,
) -> list[Any]:
    """What the tape makes of every basis vector of the space of the arrays ``along``."""
    through = _pushed if forward else _pulled
    total = sum(size_of(x.shape) for x in along)
    namespace = namespace_of(along[0])
    whole = chunk_size is None or (chunk_size == "auto" and _is_small(recording, total))
    if whole and out == "device":
        try:
            return through(recording, inputs, _basis(along), None)
        except Exception as error:
            if chunk_size is None or total == 1 or not is_exhausted(error, namespace):
                raise
        chunk_size = (total + 1) // 2

    from gpubp.batching.chunked import Chunked  # with the compiler, which few Jacobians need

    def part(leaves: Sequence[Any]) -> list[Any]:
        return through(recording, inputs, _unit_vectors(plain(leaves[0]), along), None)

    xp = namespace.backend.xp
    numbers = xp.arange(total, dtype=xp.int64, device=namespace.device)
    found = Chunked("jacobian", chunk_size, out).joined(part, [numbers], [0], total, 0, None)
    return [plain(x) for x in found]


# Elements of all that passes along the tape for all basis vectors: below this, asking how much
# memory there is, and recording what will be done, takes longer than doing it.
_SMALL = 1 << 22


def _is_small(recording: Recording, total: int) -> bool:
    elements = 0
    for node in recording.nodes:
        if type(node) is Node:
            results = node.y if node.primitive.multiple_results else (node.y,)
            elements += sum(size_of(shape_of(x)) for x in (*results, *node.args))
    return elements * total <= _SMALL


def _by_columns(
    mapped: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any]
) -> list[list[Any]]:
    """Blocks ``[result][input]`` from the tangents of basis vectors."""
    sizes = [size_of(x.shape) for x in inputs]
    blocks = []
    for y, stacked in zip(outputs, mapped, strict=True):
        k = len(y.shape)
        moved = FUNCTIONS["moveaxis"](stacked, 0, -1)
        blocks.append(
            [
                FUNCTIONS["reshape"](part, (*y.shape, *x.shape))
                for part, x in zip(_split(moved, sizes, k), inputs, strict=True)
            ]
        )
    return blocks


def _by_rows(
    mapped: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any]
) -> list[list[Any]]:
    """Blocks ``[result][input]`` from the cotangents of basis vectors."""
    sizes = [size_of(y.shape) for y in outputs]
    parts = [_split(g, sizes, 0) for g in mapped]
    return [
        [
            FUNCTIONS["reshape"](part[i], (*y.shape, *x.shape))
            for part, x in zip(parts, inputs, strict=True)
        ]
        for i, y in enumerate(outputs)
    ]


def _pushed(
    recording: Recording, inputs: Sequence[Any], tangents: Sequence[Any], chunk_size: Any
) -> list[Any]:
    """Tangents of the results, for a batch of tangents of the inputs."""

    def forward(*ts: Any) -> list[Any]:
        found = push(recording.nodes, list(ts))
        return [
            zeros_like(y) if p is None or found[p] is None else found[p]
            for y, p in zip(recording.outputs, recording.positions, strict=True)
        ]

    return [plain(t) for t in vmap(forward, chunk_size=chunk_size)(*tangents)]


def _pulled(
    recording: Recording, inputs: Sequence[Any], cotangents: Sequence[Any], chunk_size: Any
) -> list[Any]:
    """Cotangents of the inputs, for a batch of cotangents of the results."""

    def backward(*cts: Any) -> list[Any]:
        found = pull(recording.nodes, recording.positions, cts)
        return [zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=False)]

    return [plain(g) for g in vmap(backward, chunk_size=chunk_size)(*cotangents)]


def _compressed(
    compression: Any, recording: Recording, inputs: Sequence[Any], chunk_size: Any
) -> Any:
    """The Jacobian of one array by another from one pass for each colour, on the host."""
    outputs = recording.outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise errors.ArgumentError(
            f"jacobian: sparsity is for one array argument and one array result, here are "
            f"{len(inputs)} and {len(outputs)}; choose with argnums, or concatenate them"
        )
    (x,), (y,) = inputs, outputs
    if type(x) is Array or type(y) is Array:
        raise errors.ConversionError(
            "jacobian: with sparsity the result is a matrix on the host, which an enclosing "
            "transformation cannot see through; leave sparsity out inside of another one"
        )
    shape = size_of(y.shape), size_of(x.shape)
    if compression.pattern.shape != shape:
        raise errors.ShapeError(
            f"jacobian: sparsity has shape {compression.pattern.shape}; the result of shape "
            f"{tuple(y.shape)} by the argument of shape {tuple(x.shape)} needs {shape}"
        )
    forward = compression.mode == "fwd"
    along, across = (x, y) if forward else (y, x)
    namespace = namespace_of(along)
    xp, device = namespace.backend.xp, namespace.device
    colours = namespace.backend.asarray(compression.colours, device=device)
    passes = xp.arange(compression.count, device=device)
    members = xp.astype(passes[:, None] == colours[None, :], along.dtype)
    seeds = [FUNCTIONS["reshape"](members, (compression.count, *along.shape))]
    (found,) = (_pushed if forward else _pulled)(recording, inputs, seeds, chunk_size)
    found = FUNCTIONS["reshape"](found, (compression.count, size_of(across.shape)))
    return compression.expand(namespace.backend.to_numpy(found))


def _basis(arrays: Sequence[Any]) -> list[Any]:
    """The standard basis of the space of these arrays: batch axis first, as one batch each."""
    sizes = [size_of(x.shape) for x in arrays]
    total = sum(sizes)
    basis, start = [], 0
    for x, size in zip(arrays, sizes, strict=True):
        namespace = namespace_of(x)
        eye = namespace.backend.xp.eye(
            total, size, k=-start, dtype=x.dtype, device=namespace.device
        )
        basis.append(FUNCTIONS["reshape"](eye, (total, *x.shape)))
        start += size
    return basis


def _unit_vectors(numbers: Any, arrays: Sequence[Any]) -> list[Any]:
    """The basis vectors of these numbers only: what :func:`_basis` has all of."""
    basis, start = [], 0
    namespace = namespace_of(numbers)
    xp, device = namespace.backend.xp, namespace.device
    columns = FUNCTIONS["reshape"](numbers, (-1, 1))
    for x in arrays:
        size = size_of(x.shape)
        positions = xp.arange(start, start + size, dtype=xp.int64, device=device)
        ones = FUNCTIONS["astype"](FUNCTIONS["equal"](columns, positions), x.dtype)
        basis.append(FUNCTIONS["reshape"](ones, (-1, *x.shape)))
        start += size
    return basis


def _split(x: Any, sizes: Sequence[int], axis: int) -> list[Any]:
    if len(sizes) == 1:
        return [x]
    parts, start = [], 0
    for size in sizes:
        key = (slice(None),) * axis + (slice(start, start + size),)
        parts.append(METHODS["getitem"](x, key))
        start += size
    return parts


def jacfwd(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    chunk_size: int | str | None = "auto",
    layout: str = "numerator",
    *,
    out: str = "device",
) -> Callable[..., Any]:
    """:func:`jacobian` in forward mode: a column of the Jacobian at a time.

    Examples:
        >>> import numpy as np
        >>> jacfwd(lambda t: np.stack([t**2, t**3]))(np.asarray(2.0))
        array([ 4., 12.])
    """
    return jacobian(f, argnums, "fwd", chunk_size, layout, out=out)


def jacrev(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    chunk_size: int | str | None = "auto",
    layout: str = "numerator",
    *,
    out: str = "device",
) -> Callable[..., Any]:
    """:func:`jacobian` in reverse mode: a row of the Jacobian at a time.

    Examples:
        >>> import numpy as np
        >>> jacrev(lambda x: np.sum(x * x, keepdims=True))(np.asarray([1.0, 2.0]))
        array([[2., 4.]])
    """
    return jacobian(f, argnums, "rev", chunk_size, layout, out=out)


def hessian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    chunk_size: int | str | None = "auto",
    *,
    out: str = "device",
) -> Callable[..., Any]:
    """Function returning the Hessian of ``f``: forward over reverse.

    Examples:
        >>> import numpy as np
        >>> hessian(lambda x: (x**3).sum())(np.asarray([1.0, 2.0]))
        array([[ 6.,  0.],
               [ 0., 12.]])
    """
    return jacfwd(jacrev(f, argnums), argnums, chunk_size, out=out)


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Hessian of scalar-valued ``f`` times a vector, without the Hessian: forward over reverse.

    Args:
        f: function of trees of arrays that returns a real scalar.
        primals: tuple of positional arguments.
        tangents: tuple like it, the vector; ``None`` stands for zero, and is required for an
            argument without floating-point leaves, such as labels.

    Returns:
        A tree like the argument for one argument, else a tuple of them, in which an argument
        without floating-point leaves has ``None``.

    Examples:
        >>> import numpy as np
        >>> hvp(lambda x: (x**3).sum(), (np.asarray([1.0, 2.0]),), (np.asarray([1.0, 0.0]),))
        array([6., 0.])
    """
    if len(primals) == 1:
        return jvp(grad(f), tuple(primals), tuple(tangents))[1]
    numbers = [i for i, x in enumerate(primals) if any(map(_differentiable, tree.leaves(x)))]
    found = iter(jvp(grad(f, numbers), tuple(primals), tuple(tangents))[1])
    return tuple(next(found) if i in numbers else None for i in range(len(primals)))


def _differentiable(x: Any) -> bool:
    return isinstance(x, (float, complex)) or (is_array(x) and is_inexact(x))
