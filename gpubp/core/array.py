"""The traced array: what a transformed function receives in place of its arrays."""

from __future__ import annotations

import numbers
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from gpubp import errors
from gpubp.core.abstract import SCALARS, ShapeDtype
from gpubp.core.registry import FUNCTIONS, METHODS
from gpubp.core.stack import stack

if TYPE_CHECKING:
    from gpubp.core.namespace import Namespace
    from gpubp.core.trace import Trace


class Array:
    """An array of some trace: the array object of the standard, with derivatives underneath.

    Attributes of the outside are the standard's (``shape``, ``dtype``, ``device``, ``T``, ...) and
    whatever further methods the backend's own arrays have. Writing (``x[i] = v``, ``x += y``) is
    functional underneath: this object takes on a new value, the caller's array keeps its own. So do
    the arrays that share its elements as NumPy's would: slices, rows, transposes, reshapes.

    For ``isinstance``; not to be made by hand. Annotate with :data:`gpubp.typing.Array`, which
    covers the arrays of every library as well.

    >>> import gpubp, numpy as np
    >>> gpubp.grad(lambda x: x.sum() if isinstance(x, gpubp.Array) else 0.0)(np.ones(2))
    array([1., 1.])
    """

    # _value: payload, an array of a trace below or a raw one. _extra: what the trace knows of it
    # (a tangent, a tape index, ...). _depth: how many transformations were under way when it was
    # made. _base, _views: the array that this one is a view of and how; views of this one.
    __slots__ = ("__weakref__", "_base", "_depth", "_extra", "_trace", "_value", "_views")

    def __init__(self, value: Any, trace: Trace, extra: Any) -> None:
        self._value = value
        self._trace = trace
        self._extra = extra
        self._depth = len(stack.traces)
        self._base: tuple[Array, Any] | None = None
        self._views: list[weakref.ref[Array]] | None = None

    # Attributes

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self._trace.shape(self)

    @property
    def dtype(self) -> Any:
        """Data type, one of the backend's."""
        return _innermost(self).dtype

    @property
    def device(self) -> Any:
        """Device, one of the backend's."""
        return self.__array_namespace__().device

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def T(self) -> Array:
        """The transpose of a matrix."""
        if self.ndim != 2:
            raise errors.ArgumentError(
                f"x.T: x has {self.ndim} axes, not 2; use x.mT or xp.permute_dims"
            )
        return FUNCTIONS["matrix_transpose"](self)

    @property
    def mT(self) -> Array:
        """Transposes of the matrices on the last two axes."""
        return FUNCTIONS["matrix_transpose"](self)

    def __array_namespace__(self, *, api_version: str | None = None) -> Namespace:
        """The namespace of traced arrays of this backend and device."""
        return namespace_of(self)

    def to_device(self, device: Any, /, *, stream: Any = None) -> Array:
        """This array on another device; differentiable."""
        return METHODS["to_device"](self, device=device)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            namespace = self.__array_namespace__()
            method = namespace.backend.method(namespace, name)
            if method is not None:
                return method.__get__(self)
            if name in FUNCTIONS:
                raise AttributeError(
                    f"a traced array has no method {name!r} here; write xp.{name}(x) with "
                    "xp = x.__array_namespace__()"
                )
        raise AttributeError(
            f"a traced array has no attribute {name!r}; look for a function of its namespace, "
            f"xp = x.__array_namespace__()"
        )

    # Conversions

    def __bool__(self) -> bool:
        return bool(_value(self, "bool"))

    def __int__(self) -> int:
        return int(_discrete_value(self, "int"))

    def __index__(self) -> int:
        return _discrete_value(self, "operator.index").__index__()

    def __float__(self) -> float:
        return float(_discrete_value(self, "float"))

    def __complex__(self) -> complex:
        return complex(_discrete_value(self, "complex"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        # Integers and booleans have no derivative to lose: a raw array may be indexed with them.
        value = _discrete_value(self, "np.asarray")
        host = self.__array_namespace__().backend.to_numpy(value)
        return host if dtype is None else host.astype(dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> Array:
        return Array(self._value, self._trace, self._extra)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> NoReturn:
        raise _conversion_error("DLPack export")

    def __dlpack_device__(self) -> tuple[Any, int]:
        namespace = self.__array_namespace__()
        return namespace.backend.xp.empty(0, device=namespace.device).__dlpack_device__()

    def __repr__(self) -> str:
        inner = _innermost(self)
        return f"Array({inner!r}, traced by {type(self._trace).__name__})"

    def __format__(self, spec: str) -> str:
        if not spec:
            return repr(self)
        value = _value(self, "format")
        if self.shape:
            return format(repr(value), spec)
        return format(_NUMBERS[dtype_kind(value)](value), spec)

    # Sequence behaviour

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d array")
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))

    def __contains__(self, item: Any) -> bool:
        return bool(FUNCTIONS["any"](FUNCTIONS["equal"](self, item)))

    # Equality is element-wise, so there is no hash; mypy wants a method here.
    __hash__ = None  # type: ignore[assignment]

    # Reading and writing parts

    def __getitem__(self, key: Any) -> Array:
        out = METHODS["getitem"](self, key)
        if out is not self and _is_view(key, out):
            self._share(out, key)
        return out

    def _share(self, view: Array, key: Any) -> None:
        """Let writes to this array reach ``view``, which ``key`` makes of it, and the reverse."""
        views = self._views
        if views is None:
            views = self._views = []
        while views and views[-1]() is None:  # in a loop each view is gone before the next comes
            views.pop()
        views.append(weakref.ref(view))
        view._base = self, key

    def __setitem__(self, key: Any, value: Any) -> None:
        self._check_writable("x[...] = v")
        self._become(lift(METHODS["setitem"](self, key, value)))

    def _check_writable(self, operation: str) -> None:
        if self._depth < len(stack.traces):
            raise errors.AliasedWriteError(
                f"{operation} at {errors.user_line()}: x was made outside of the transformation "
                "that is running, where the write would be lost; write to a copy: "
                "xp.asarray(x, copy=True)"
            )
        if self._base is not None:
            self._base[0]._check_writable(operation)

    def _become(self, new: Array) -> None:
        """Take on the value of ``new``, and let the base and the views of this array see it."""
        self._value, self._trace, self._extra = new._value, new._trace, new._extra
        if self._base is not None:
            base, key = self._base
            rearranged = type(key) is Rearrangement
            whole = key.undo(self) if rearranged else METHODS["setitem"](base, key, self)
            base._become(lift(whole))
        elif self._views:
            self._refresh_views()

    def _refresh_views(self) -> None:
        for reference in self._views or ():
            view = reference()
            if view is not None and view._base is not None:
                _, key = view._base
                new = key.do(self) if type(key) is Rearrangement else METHODS["getitem"](self, key)
                view._value, view._trace, view._extra = new._value, new._trace, new._extra
                view._refresh_views()

    def _in_place(self, name: str, other: Any) -> Array:
        new = getattr(self, f"__{name}__")(other)
        if new is NotImplemented or (not self.shape and self._base is None):
            return new  # 0-d results are immutable scalars, as NumPy's are
        symbol = f"x {_BINARY[name][0]}= y"
        self._check_writable(symbol)
        if new.shape != self.shape:
            raise errors.ArgumentError(
                f"{symbol}: the result has shape {new.shape}, x has {self.shape}; write x = x ... y"
            )
        self._become(FUNCTIONS["astype"](new, self.dtype))
        return self

    # NumPy's protocols; the backend knows how to answer them.

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        namespace = self.__array_namespace__()
        return namespace.backend.array_ufunc(namespace, ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        namespace = self.__array_namespace__()
        return namespace.backend.array_function(namespace, func, args, kwargs)


_BINARY = {  # method name: symbol, function of the standard, takes part in augmented assignment
    "add": ("+", "add", True),
    "sub": ("-", "subtract", True),
    "mul": ("*", "multiply", True),
    "truediv": ("/", "divide", True),
    "floordiv": ("//", "floor_divide", True),
    "mod": ("%", "remainder", True),
    "pow": ("**", "pow", True),
    "matmul": ("@", "matmul", True),
    "and": ("&", "bitwise_and", True),
    "or": ("|", "bitwise_or", True),
    "xor": ("^", "bitwise_xor", True),
    "lshift": ("<<", "bitwise_left_shift", True),
    "rshift": (">>", "bitwise_right_shift", True),
    "lt": ("<", "less", False),
    "le": ("<=", "less_equal", False),
    "gt": (">", "greater", False),
    "ge": (">=", "greater_equal", False),
    "eq": ("==", "equal", False),
    "ne": ("!=", "not_equal", False),
}
_UNARY = {"neg": "negative", "pos": "positive", "abs": "abs", "invert": "bitwise_invert"}


def _install_operators() -> None:
    def binary(function: str, swap: bool) -> Callable[[Any, Any], Any]:
        def operator(self: Array, other: Any) -> Any:
            if not is_operand(other):
                return NotImplemented
            f = FUNCTIONS[function]
            return f(other, self) if swap else f(self, other)

        return operator

    def augmented(name: str) -> Callable[[Array, Any], Array]:
        return lambda self, other: self._in_place(name, other)

    def unary(function: str) -> Callable[[Array], Array]:
        return lambda self: FUNCTIONS[function](self)

    for name, (_, function, arithmetic) in _BINARY.items():
        setattr(Array, f"__{name}__", binary(function, swap=False))
        if arithmetic:
            setattr(Array, f"__r{name}__", binary(function, swap=True))
            setattr(Array, f"__i{name}__", augmented(name))
    for name, function in _UNARY.items():
        setattr(Array, f"__{name}__", unary(function))


_install_operators()


_NUMBERS: dict[str, Any] = {"b": bool, "i": int, "f": float, "c": complex}


def is_operand(x: Any) -> bool:
    """Whether ``x`` may stand beside a traced array in an expression."""
    kind = type(x)
    return kind is Array or kind in SCALARS or is_array(x)


class Rearrangement(NamedTuple):
    """How a view holds all elements of its base: the primitive's parameters there, and back."""

    primitive: Callable[..., Any]
    there: dict[str, Any]
    back: dict[str, Any]
    contiguous: bool  # whether the view's elements lie in the order of its axes

    def do(self, base: Any) -> Any:
        return self.primitive(base, **self.there)

    def undo(self, view: Any) -> Any:
        return self.primitive(view, **self.back)


def _is_view(key: Any, out: Array) -> bool:
    """Whether NumPy's ``x[key]``, which is ``out``, shares memory with ``x``."""
    view = False
    for part in key if type(key) is tuple else (key,):
        if type(part) is slice or part is None or part is Ellipsis:
            view = True
        elif type(part) is bool or not isinstance(part, numbers.Integral):
            return False
    return view or bool(out.shape)  # a single element is a number, not a view


def copied(x: Any) -> Any:
    """``x`` as another array, which writes to ``x`` do not reach; no element is copied."""
    return Array(x._value, x._trace, x._extra) if type(x) is Array else x


def is_contiguous(x: Array) -> bool:
    """Whether the elements of ``x`` lie in the order of its axes, as those of a new array do."""
    while x._base is not None:
        x, key = x._base
        if type(key) is Rearrangement:
            return key.contiguous
        if not _is_leading(key):
            return False
    return True


def _is_leading(key: Any) -> bool:
    """Whether a basic key takes elements that follow each other."""
    *first, last = key if type(key) is tuple else (key,)
    whole = type(last) is slice and last.step in (None, 1)
    return all(isinstance(part, int) for part in first) and (whole or isinstance(last, int))


def _innermost(x: Any) -> Any:
    """The raw array or :class:`ShapeDtype` at the bottom of ``x``."""
    while type(x) is Array:
        x = x._value
    return x


def _value(x: Array, operation: str) -> Any:
    inner: Any = x
    while type(inner) is Array:
        inner = inner._trace.known(inner)
    if inner is None or type(inner) is ShapeDtype:
        raise errors.UnknownValueError(
            f"{operation}(x) at {errors.user_line()}: x has no single value here (it is batched by "
            "vmap, or the function is being recorded); use xp.where for a branch, or make x an "
            "argument that is not batched, or static"
        )
    return inner


def _discrete_value(x: Array, operation: str) -> Any:
    if is_inexact(x):
        raise _conversion_error(operation)
    return _value(x, operation)


def _conversion_error(operation: str) -> errors.ConversionError:
    return errors.ConversionError(
        f"{operation} of a traced array at {errors.user_line()}: the derivative would be lost; "
        "stay with functions of xp = x.__array_namespace__() (xp.stack makes an array of values, "
        "xp.zeros one to write them into), return the value with has_aux=True, or give the call "
        "that needs it a rule of its own: gpubp.custom_jvp, gpubp.custom_vjp"
    )


# At the end, because a namespace's functions take and return arrays: the one cycle of the core.
from gpubp.core.namespace import dtype_kind, is_array, is_inexact, lift, namespace_of  # noqa: E402
