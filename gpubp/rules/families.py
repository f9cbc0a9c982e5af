"""Families of primitives: rules of shape, differentiation and batching shared by many rows.

A partial derivative is stated as the linear map ``t -> d * t``: applied to a tangent it is the
forward rule, applied to a cotangent (and summed over broadcast axes) its transpose.
Nothing is conjugated: a VJP is the transpose of the JVP under ``sum(ct * t)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from typing import Any

from gpubp.core.abstract import SCALARS, ShapeDtype
from gpubp.core.array import Array
from gpubp.core.namespace import (
    Namespace,
    default_dtype,
    dtype_kind,
    namespace_for,
    namespace_of,
)
from gpubp.core.primitive import PRIMITIVES, Needed, Primitive, Tangents
from gpubp.core.registry import FUNCTIONS, METHODS
from gpubp.core.shapes import Shape, broadcast_shapes, shape_of, size_of
from gpubp.core.stack import stack
from gpubp.core.trace import guarded
from gpubp.errors import UnknownValueError, user_line

Partial = Callable[..., Any]


def like_argument(ct: Any, x: Any) -> Any:
    """``ct`` summed, and cast, to the shape and dtype of the argument ``x`` it belongs to."""
    shape = x.shape
    given = ct.shape
    if given != shape:
        lead = len(given) - len(shape)
        stretched = [i + lead for i, n in enumerate(shape) if n == 1 and given[i + lead] != 1]
        ct = PRIMITIVES["sum"](ct, axis=(*range(lead), *stretched), keepdims=False)
        if stretched:
            ct = PRIMITIVES["reshape"](ct, shape=shape)
    return ct if ct.dtype == x.dtype else _cast(ct, x)


def like_result(t: Any, y: Any) -> Any:
    """The tangent ``t`` broadcast, and cast, to the shape and dtype of the result ``y``."""
    if t.shape != y.shape:
        t = PRIMITIVES["broadcast_to"](t, shape=y.shape)
    return t if t.dtype == y.dtype else _cast(t, y)


def _cast(t: Any, x: Any) -> Any:
    if dtype_kind(t) == "c" and dtype_kind(x) != "c":
        t = PRIMITIVES["real"](t)
    return t if t.dtype == x.dtype else PRIMITIVES["astype"](t, dtype=x.dtype)


_dtypes: dict[Any, Any] = {}


def result_dtype(
    primitive: Primitive, args: Sequence[Any], params: dict[str, Any], length: int = 1
) -> Any:
    """The dtype that the backend itself gives: it is asked once, with axes of that length."""
    namespace = next(namespace_of(a) for a in args if hasattr(a, "dtype"))
    kinds = tuple((len(a.shape), a.dtype) if hasattr(a, "dtype") else type(a) for a in args)
    key = (primitive, namespace, kinds, tuple(sorted(params.items(), key=lambda item: item[0])))
    found = _dtypes.get(key)
    if found is None:
        xp = namespace.backend.xp
        ones = [
            xp.ones((length,) * len(a.shape), dtype=a.dtype, device=namespace.device)
            if hasattr(a, "dtype")
            else a
            for a in args
        ]
        result = primitive(*ones, **params)
        found = tuple(r.dtype for r in result) if isinstance(result, tuple) else result.dtype
        _dtypes[key] = found
    return found


def _vector(x: Any) -> ShapeDtype:
    return ShapeDtype((0,), x.dtype, namespace_of(x))


def batch_last(x: Any, ndim: int) -> Any:
    """Batched ``x`` with axes of length 1 after the batch, so that its examples have ``ndim``."""
    shape = x.shape
    missing = ndim - (len(shape) - 1)
    if missing <= 0:
        return x
    return PRIMITIVES["reshape"](x, shape=(shape[0], *(1,) * missing, *shape[1:]))


def aligned(batched: Sequence[bool], args: Sequence[Any]) -> list[Any]:
    """Arguments that broadcast against each other, so that they still do with the batch."""
    ndim = max(len(shape_of(a)) - b for a, b in zip(args, batched, strict=True))
    return [batch_last(a, ndim) if b else a for a, b in zip(args, batched, strict=True)]


def shape_only(x: Any) -> Any:
    """Shape and dtype of ``x``, for a tape that needs no more of it."""
    return x if type(x) in SCALARS else ShapeDtype(x.shape, x.dtype, namespace_of(x))


def materialize(x: Any, batched: bool, size: int) -> Any:
    """``x`` with the batch as axis 0, repeated if it had none."""
    return x if batched else PRIMITIVES["broadcast_to"](x, shape=(size, *shape_of(x)))


RESULT = -1  # position of the result behind the arguments
_LETTERS = {1: "x", 2: "ab", 3: "cab"}
_SIGNATURES = {  # as the standard has them
    arity: Signature([Parameter(name, Parameter.POSITIONAL_ONLY) for name in names])
    for arity, names in {1: ["x"], 2: ["x1", "x2"], 3: ["condition", "x1", "x2"]}.items()
}


def _operands(partial: Partial | None, arguments: str) -> tuple[int, ...]:
    """Positions of the values that a partial names after ``t``."""
    if partial is None:
        return ()
    code = partial.__code__
    names = code.co_varnames[1 : code.co_argcount]
    return tuple(RESULT if name == "y" else arguments.index(name) for name in names)


class Elementwise(Primitive):
    """Broadcasting functions of one or more arrays, element by element.

    Args:
        name: the function.
        *partials: one linear map per argument; ``None`` where the derivative is zero. After ``t``
            a map names the values that it needs: ``y`` is the result, the arguments are ``x``; or
            ``a, b``; or ``c, a, b``.
        arguments: other letters for the arguments than these.
        reference: see :class:`Primitive`.
        public: whether users see it in the namespace.
    """

    def __init__(
        self,
        name: str,
        *partials: Partial | None,
        reference: Callable[..., Any] | None = None,
        public: bool = True,
        arguments: str = "",
    ) -> None:
        super().__init__(name, reference)
        self.partials = partials
        letters = arguments or _LETTERS[len(partials)]
        self.operands = tuple(_operands(partial, letters) for partial in partials)
        self.differentiable = any(partials)
        self.__signature__ = _SIGNATURES[len(partials)]
        if public:
            FUNCTIONS[name] = self

    def times_partial(self, which: int, t: Any, values: Sequence[Any]) -> Any:
        """``t`` times the partial by argument ``which``; ``values`` are the arguments and ``y``."""
        partial = self.partials[which]
        assert partial is not None
        return partial(t, *[values[i] for i in self.operands[which]])

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        shape = broadcast_shapes(*[shape_of(a) for a in args])
        namespace = next(namespace_of(a) for a in args if hasattr(a, "dtype"))
        # Asked without elements, on which a function might warn; of numbers alone, as of vectors.
        asked = args if shape else [_vector(a) if hasattr(a, "dtype") else a for a in args]
        return ShapeDtype(shape, result_dtype(self, asked, params, length=0), namespace)

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        total = None
        values = (*args, y)
        for which, t in enumerate(tangents):
            if t is not None and self.partials[which] is not None:
                term = self.times_partial(which, t, values)
                total = term if total is None else PRIMITIVES["add"](total, term)
        return None if total is None else like_result(total, y)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        values = (*args, y)
        return [
            None
            if n is None or self.partials[which] is None
            else like_argument(self.times_partial(which, ct, values), args[which])
            for which, n in enumerate(needed)
        ]

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[list[Any], Any]:
        used = zip(needed, self.operands, strict=True)
        kept = {i for n, positions in used if n is not None for i in positions}
        return (
            [a if i in kept else shape_only(a) for i, a in enumerate(args)],
            y if RESULT in kept else shape_only(y),
        )

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        return self(*aligned(batched, args), **params), True


class Linear(Primitive):
    """Linear functions of one array.

    Args:
        name: the function.
        transpose: ``(ct, x, **params)``, of which ``x`` may have no value.
        shape: ``(x, **params) -> shape`` of the result.
        batch: ``(x, size, **params)`` for batched ``x``, with a batched result.
    """

    def __init__(
        self,
        name: str,
        transpose: Callable[..., Any],
        shape: Callable[..., Shape],
        batch: Callable[..., Any],
        reference: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(name, reference)
        self.transpose = transpose
        self.shape = shape
        self.batch_one = batch

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        (x,) = args
        return ShapeDtype(
            tuple(self.shape(x, **params)), params.get("dtype", x.dtype), namespace_of(x)
        )

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return self(tangents[0], **params)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        return [self.transpose(ct, args[0], **params)]

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[list[Any], Any]:
        return [shape_only(a) for a in args], shape_only(y)

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        return self.batch_one(args[0], size, **params), True


class Discrete(Primitive):
    """Functions without derivative: piecewise constant, or not numeric.

    Args:
        name: the function.
        shape: ``(*args, **params) -> shape``; ``None`` where it depends on values.
        batch: ``(*args, **params)`` for one batched array; ``None`` to loop over the batch.
    """

    differentiable = False

    def __init__(
        self,
        name: str,
        shape: Callable[..., Any] | None = None,
        batch: Callable[..., Any] | None = None,
        reference: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(name, reference)
        self.shape = shape
        self.batch_one = batch

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        if self.shape is None:
            raise UnknownValueError(
                f"{self.name} at {user_line()}: the result's shape depends on values, which are "
                "not known here; use a form of fixed shape, such as xp.where"
            )
        namespace = next(namespace_of(a) for a in args if hasattr(a, "dtype"))
        return ShapeDtype(
            tuple(self.shape(*args, **params)), result_dtype(self, args, params), namespace
        )

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        if self.batch_one is not None and len(args) == 1:
            return self.batch_one(args[0], **params), True
        return batch_by_loop(self, batched, size, args, params), True


class Creation(Primitive):
    """Functions that make arrays of none.

    While a program is being recorded, large ones are operations of it; small ones stay known
    values, which Python code may branch on.

    Args:
        name: the function.
        make: ``(xp, dtype, device, **params)``, the library's own.
        shape: ``(**params) -> shape`` of the result.
        number: ``(**params)``, the type of Python number whose default dtype a result has.
    """

    differentiable = False
    SMALL = 16  # elements

    def __init__(
        self,
        name: str,
        make: Callable[..., Any],
        shape: Callable[..., Shape],
        number: Callable[..., type] = lambda **params: float,
    ) -> None:
        super().__init__(name, make)
        self.make = make
        self.shape = shape
        self.number = number

    def __call__(
        self, *args: Any, namespace: Namespace, dtype: Any = None, device: Any = None, **params: Any
    ) -> Any:
        recorder = stack.recorder
        if recorder is None:
            device = namespace.device if device is None else device
            return self.make(namespace.backend.xp, dtype=dtype, device=device, **params)
        if device is not None and device != namespace.device:
            namespace = namespace_for(namespace.backend, device)
        if dtype is None:
            dtype = default_dtype(namespace, self.number(**params))
        small = size_of(self.shape(**params)) <= self.SMALL
        return recorder.create(self, {"namespace": namespace, "dtype": dtype, **params}, small)

    def now(self, *, namespace: Namespace, dtype: Any, **params: Any) -> Any:
        """The raw array, whether or not a program is being recorded."""
        return self.make(namespace.backend.xp, dtype=dtype, device=namespace.device, **params)

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        namespace, dtype = params.pop("namespace"), params.pop("dtype")
        return ShapeDtype(tuple(self.shape(**params)), dtype, namespace)


full_p = Creation(
    "full",
    lambda xp, shape, value, **home: xp.full(shape, value, **home),
    shape=lambda shape, value: shape,
    number=lambda shape, value: type(value) if type(value) in SCALARS else float,
)


def batch_by_loop(
    primitive: Primitive,
    batched: Sequence[bool],
    size: int,
    args: Sequence[Any],
    params: dict[str, Any],
) -> Any:
    """Apply ``primitive`` example by example: for rare functions that no library batches."""
    rows = [
        primitive(
            *[METHODS["getitem"](a, i) if b else a for a, b in zip(args, batched, strict=True)],
            **params,
        )
        for i in range(size)
    ]
    several = primitive.multiple_results
    parts = list(zip(*rows, strict=True)) if several else [rows]
    if any(len({shape_of(row) for row in part}) > 1 for part in parts):
        raise UnknownValueError(
            f"{primitive.name} at {user_line()}: the result's shape depends on values, which "
            "differ from example to example under vmap; use a form of fixed shape"
        )
    stacked = [FUNCTIONS["stack"](part) for part in parts]
    return tuple(stacked) if several else stacked[0]


def to_array(x: Any, like: Any) -> Any:
    """A Python scalar as a 0-d array beside ``like``, of the dtype that the pair promotes to."""
    if hasattr(x, "dtype") or type(x) is Array:
        return x
    return guarded(full_like(like, x, shape=()))


def full_like(x: Any, value: float, shape: Shape | None = None, dtype: Any = None) -> Any:
    """A constant array with the backend and device of ``x``."""
    return full_p(
        namespace=namespace_of(x),
        shape=tuple(x.shape) if shape is None else shape,
        value=value,
        dtype=x.dtype if dtype is None else dtype,
    )
