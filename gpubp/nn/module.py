"""A model is a tree: a class with annotated fields, whose instances optree takes apart."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar, TypeVar, dataclass_transform

from gpubp.core import array_namespace, tree
from gpubp.errors import ArgumentTypeError, FrozenModuleError, ModuleFieldError
from gpubp.nn.representation import describe
from gpubp.typing import Tree

M = TypeVar("M", bound="Module")


def field(*, static: bool = False, **options: Any) -> Any:
    """Declare a module's field; ``static=True`` keeps it out of the tree.

    A static field is configuration (a size, a name, a function): it belongs to the tree's
    structure, no transformation sees it, and it must be hashable. ``options`` are those of
    ``dataclasses.field``.

    >>> class Scale(Module):
    ...     factor: float = field(static=True, default=2.0)
    >>> Scale()
    Scale(factor=2.0)
    """
    return dataclasses.field(metadata={"static": static}, **options)


class _ModuleType(type):
    """Opens an instance for its ``__init__`` only; checks afterwards that no field is missing."""

    # The ignores: mypy knows neither that `cls` is a Module nor that it has become a dataclass.

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        module: Any = object.__new__(cls)  # type: ignore[arg-type]
        object.__setattr__(module, "_building", True)
        module.__init__(*args, **kwargs)
        object.__delattr__(module, "_building")
        missing = [name for name in cls._fields if not hasattr(module, name)]  # type: ignore[attr-defined]
        if missing:
            raise ModuleFieldError(
                f"{cls.__name__}.__init__ left {', '.join(map(repr, missing))} unset. "
                "Remedy: assign every annotated field (None is a value), or give it a default."
            )
        return module


@dataclass_transform(field_specifiers=(field,))
class Module(metaclass=_ModuleType):
    """Base class of layers and models: annotated fields, no hidden state, calls are pure.

    Each subclass becomes a tree of its fields in optree's namespace ``"gpubp"``, so that every
    transformation and every optimiser takes it as it is. Without an ``__init__`` of its own a
    class gets a dataclass's. After ``__init__`` an instance can't change; see :func:`replace`.

    Raises :class:`~gpubp.errors.FrozenModuleError` on assignment after ``__init__`` and
    :class:`~gpubp.errors.ModuleFieldError` for a field undeclared or left unset.

    >>> class Affine(Module):
    ...     scale: Any
    ...     shift: Any
    ...     def __call__(self, x):
    ...         return self.scale * x + self.shift
    >>> Affine(2.0, 1.0)(3.0)
    7.0
    """

    __slots__ = ("__dict__", "__weakref__", "_building")

    _fields: ClassVar[tuple[str, ...]] = ()
    _writes_own_init: ClassVar[bool] = False

    def __init_subclass__(cls, *, init: bool = True, **options: Any) -> None:
        # `class B(A, init=False)` tells type checkers that B has the __init__ that A wrote.
        super().__init_subclass__(**options)
        cls._writes_own_init = cls._writes_own_init or "__init__" in vars(cls)
        # Instances compare by identity: comparing arrays gives arrays, not a truth value.
        dataclasses.dataclass(init=not cls._writes_own_init, repr=False, eq=False)(cls)
        # mypy does not see that the line above made it a dataclass.
        cls._fields = tuple(f.name for f in dataclasses.fields(cls))  # type: ignore[arg-type]
        tree.register(cls)

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self).__name__
        if not hasattr(self, "_building"):
            raise FrozenModuleError(
                f"{kind}.{name} can't be assigned: modules don't change after __init__. "
                f"Remedy: make a changed copy, nn.replace(module, {name}=...)."
            )
        if name not in self._fields:
            raise ModuleFieldError(
                f"{kind}.__init__ assigns {name!r}, which the class doesn't declare, and the tree "
                f"would lose it. Remedy: annotate it in the class body, `{name}: Any`, or "
                f"`{name}: ... = nn.field(static=True)` if it holds no arrays."
            )
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise FrozenModuleError(
            f"{type(self).__name__}.{name} can't be deleted: modules don't change after __init__. "
            f"Remedy: make a changed copy, nn.replace(module, {name}=None)."
        )

    def __repr__(self) -> str:
        return describe(self)


def replace(module: M, **changes: Any) -> M:
    """A copy of ``module`` with the named fields changed; ``__init__`` is not run.

    Raises :class:`~gpubp.errors.ModuleFieldError` for a name that is not a field.

    >>> class Scale(Module):
    ...     factor: float
    >>> replace(Scale(2.0), factor=3.0)
    Scale(factor=3.0)
    """
    unknown = [name for name in changes if name not in module._fields]
    if unknown:
        raise ModuleFieldError(
            f"replace: {type(module).__name__} has no field {unknown[0]!r}. "
            f"Its fields: {', '.join(module._fields) or 'none'}."
        )
    copy = object.__new__(type(module))
    copy.__dict__.update(vars(module), **changes)
    return copy


def count_parameters(model: Tree) -> int:
    """How many numbers a model learns: the elements of its floating-point and complex arrays.

    Raises :class:`~gpubp.errors.ArgumentTypeError` for a leaf that is not an array.

    >>> import numpy as np
    >>> count_parameters({"weight": np.zeros((3, 4)), "bias": np.zeros(3), "steps": np.asarray(7)})
    15
    """
    total = 0
    for path, leaf in zip(tree.paths(model), tree.leaves(model), strict=True):
        if not hasattr(leaf, "dtype"):
            raise ArgumentTypeError(
                f"count_parameters: the leaf at {path} is {leaf!r}, not an "
                "array. Remedy: declare configuration with nn.field(static=True)."
            )
        kinds = ("real floating", "complex floating")
        if array_namespace(leaf).isdtype(leaf.dtype, kinds):
            total += math.prod(leaf.shape)
    return total
