"""Functions that bring their own derivative rules."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from gpubp import errors
from gpubp.core import tree
from gpubp.core.primitive import PRIMITIVES, Primitive
from gpubp.core.trace import running
from gpubp.transforms.arguments import constant, name_of, plain
from gpubp.transforms.calls import (
    ARRAY,
    Call,
    Function,
    Payloads,
    SubTape,
    abstract,
    finish,
    run_batch,
    run_jvp,
)
from gpubp.transforms.jvp import zeros_like
from gpubp.transforms.tape import Tape


class _Custom:
    """What both decorators share: a function, its rules, and a name."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f
        self.__name__ = name_of(f)
        self.__doc__ = f.__doc__

    def _function(self, args: Any, kwargs: Any, rule: str) -> Function:
        if kwargs:
            raise errors.ArgumentError(
                f"{self.__name__}: a function with custom rules takes positional arguments only, "
                f"got {', '.join(kwargs)} by keyword"
            )
        function = Function(self.f, args)
        function.close()
        if function.captured:
            raise errors.DifferentiationError(
                f"{self.__name__}: a function with custom rules closes over a traced array of "
                f"shape {function.captured[0].shape}, of which its {rule} knows nothing; "
                "pass it as an argument"
            )
        return function


class custom_jvp(_Custom):
    """Decorator: ``f`` with a forward rule of its own, as in JAX.

    ``defjvp(rule)`` attaches ``rule(primals, tangents) -> (out, out_tangent)``, both tuples like
    the arguments; the tangent must be linear in ``tangents``, and is transposed for reverse mode.

    Examples:
        >>> import gpubp, numpy as np
        >>> @custom_jvp
        ... def log1pexp(x):
        ...     return np.log(1 + np.exp(x))
        >>> @log1pexp.defjvp
        ... def rule(primals, tangents):
        ...     (x,), (t,) = primals, tangents
        ...     return log1pexp(x), t * (1 - 1 / (1 + np.exp(x)))
        >>> gpubp.grad(log1pexp)(np.asarray(100.0))
        array(1.)
    """

    rule: Callable[..., Any] | None = None

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Attach the forward rule."""
        self.rule = rule
        return rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.rule is None:
            raise errors.DifferentiationError(
                f"{self.__name__}: no forward rule; attach one with @{self.__name__}.defjvp"
            )
        function = self._function(args, kwargs, "forward rule")
        n = len(function.arrays)

        def rule(*both: Any) -> list[Any]:
            assert self.rule is not None
            primals, tangents = function.arguments(both[:n]), function.arguments(both[n:])
            out, tangent = self.rule(primals, tangents)
            return [*tree.leaves(out), *tree.leaves(tangent)]

        call = JVPCall(function.run, _on_payloads(rule))
        return finish(function, call(*function.arrays))


def _on_payloads(f: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """A user-level function of flat arrays as one of payloads."""

    def run(*payloads: Any) -> tuple[Any, ...]:
        return tuple(plain(x) for x in f(*[constant(p) for p in payloads]))

    return run


class JVPCall(Call):
    """A call whose derivative is ``rule(*primals, *tangents) -> (*results, *their tangents)``."""

    def __init__(self, run: Callable[..., Any], rule: Callable[..., Any]) -> None:
        super().__init__(run)
        self.rule = rule

    def jvp_call(self, primals: Payloads, tangents: Payloads) -> tuple[Payloads, Payloads]:
        full = [zeros_like(p) if t is None else t for p, t in zip(primals, tangents, strict=True)]
        found = self.rule(*primals, *full)
        return found[: len(found) // 2], found[len(found) // 2 :]

    def vjp_call(self, primals: Payloads, active: Sequence[bool]) -> tuple[Payloads, Primitive]:
        # Run the rule once, with tangents unknown: what depends on them is the linear program.
        with running(Tape()) as tape:
            tangents = [
                tape.input(abstract(p)) if a else zeros_like(p)
                for p, a in zip(primals, active, strict=True)
            ]
            found = self.rule(*primals, *tangents)
            half = len(found) // 2
            positions = [tape.position(t) for t in found[half:]]
            ys = [tape.lower(y) for y in found[:half]]
        return ys, SubTape(tape.nodes, positions, active)

    def batch_call(self, batched: Sequence[bool], size: int, args: Payloads) -> Payloads:
        return JVPCall(
            lambda *a: tuple(run_batch(self.run, batched, size, a)),
            lambda *both: tuple(run_batch(self.rule, [*batched, *batched], size, both)),
        )(*args)


class custom_vjp(_Custom):
    """Decorator: ``f`` with a reverse rule of its own, as in JAX.

    ``defvjp(fwd, bwd)`` attaches ``fwd(*args) -> (out, residuals)`` and
    ``bwd(residuals, ct) -> tuple`` with a cotangent (or ``None`` for zero) for each argument.
    Forward mode cannot pass through; forward over the gradient can.

    Examples:
        >>> import gpubp, numpy as np
        >>> @custom_vjp
        ... def clip_gradient(x):
        ...     return x
        >>> clip_gradient.defvjp(lambda x: (x, None), lambda res, ct: (np.clip(ct, -1, 1),))
        >>> gpubp.grad(lambda x: 5 * clip_gradient(x))(np.asarray(2.0))
        array(1.)
    """

    fwd: Callable[..., Any] | None = None
    bwd: Callable[..., Any] | None = None

    def __init__(self, f: Callable[..., Any]) -> None:
        super().__init__(f)
        self._within = threading.local()

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Attach the rule's two halves."""
        self.fwd, self.bwd = fwd, bwd

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.fwd is None or self.bwd is None:
            raise errors.DifferentiationError(
                f"{self.__name__}: no reverse rule; attach one with "
                f"{self.__name__}.defvjp(fwd, bwd)"
            )
        function = self._function(args, kwargs, "reverse rule")
        residual_tree: list[Any] = []

        def fwd(*arrays: Any) -> list[Any]:
            assert self.fwd is not None
            # fwd may call the decorated function itself; forward over the gradient then goes
            # through the plain one.
            self._within.fwd = True
            try:
                out, residuals = self.fwd(*function.arguments(arrays))
            finally:
                self._within.fwd = False
            out_leaves, function.out_tree = tree.flatten(out)
            leaves, treedef = tree.flatten(residuals)
            residual_tree[:] = [treedef, len(out_leaves)]
            return [*out_leaves, *leaves]

        def bwd(*arrays: Any) -> list[Any]:
            assert self.bwd is not None
            assert function.out_tree is not None
            treedef, _ = residual_tree
            n = treedef.num_leaves
            residuals = tree.unflatten(treedef, arrays[:n])
            ct = tree.unflatten(function.out_tree, arrays[n:])
            return self._match(self.bwd(residuals, ct), function)

        call = _CustomVJP(
            self.__name__, function.run, _on_payloads(fwd), _on_payloads(bwd), residual_tree
        )
        call.plain_forward = getattr(self._within, "fwd", False)
        return finish(function, call(*function.arrays))

    def _match(self, cts: Any, function: Function) -> list[Any]:
        """One cotangent per array argument, zeros for ``None``."""
        count = function.treedef.num_children
        if not isinstance(cts, (tuple, list)) or len(cts) != count:
            raise errors.ArgumentError(
                f"{self.__name__}: bwd must return a tuple with one cotangent (or None) for each "
                f"of the {count} arguments, got {type(cts).__name__}"
            )
        leaves: list[Any] = []
        for ct, child in zip(cts, function.treedef.children(), strict=True):
            leaves.extend([None] * child.num_leaves if ct is None else child.flatten_up_to(ct))
        return [x for x, s in zip(leaves, function.static, strict=True) if s is ARRAY]


class _CustomVJP(Call):
    def __init__(self, label: str, run: Any, fwd: Any, bwd: Any, kept: list[Any]) -> None:
        super().__init__(run)
        self.label = label
        self.fwd = fwd
        self.bwd = bwd
        self.kept = kept  # structure of the residuals, number of results
        self.plain_forward = False

    def jvp_call(self, primals: Payloads, tangents: Payloads) -> tuple[Payloads, Payloads]:
        if self.plain_forward:
            return run_jvp(self.run, primals, tangents)
        raise errors.DifferentiationError(
            f"{self.label}: forward mode reached a function that has only a reverse rule "
            "(custom_vjp); use grad or vjp there, or give it a forward rule with custom_jvp"
        )

    def vjp_call(self, primals: Payloads, active: Sequence[bool]) -> tuple[Payloads, Primitive]:
        found = self.fwd(*primals)
        count = self.kept[1]
        return found[:count], _Backward(self, found[count:])

    def batch_call(self, batched: Sequence[bool], size: int, args: Payloads) -> Payloads:
        def bwd(*arrays: Any) -> tuple[Any, ...]:
            cts = run_batch(_zeros_for_none(self.bwd, args), [True] * len(arrays), size, arrays)
            total = PRIMITIVES["sum"]
            return tuple(
                ct if b else total(ct, axis=(0,), keepdims=False)
                for ct, b in zip(cts, batched, strict=True)
            )

        return _CustomVJP(
            self.label,
            lambda *a: tuple(run_batch(self.run, batched, size, a)),
            lambda *a: tuple(run_batch(self.fwd, batched, size, a)),
            bwd,
            self.kept,
        )(*args)


def _zeros_for_none(bwd: Callable[..., Any], args: Payloads) -> Callable[..., Any]:
    def run(*arrays: Any) -> list[Any]:
        return [
            zeros_like(a) if ct is None else ct for ct, a in zip(bwd(*arrays), args, strict=True)
        ]

    return run


class _Backward(Primitive):
    """The node that pulls back through ``bwd``."""

    multiple_results = True

    def __init__(self, call: _CustomVJP, saved: Payloads) -> None:
        self.name = call.label
        self.call = call
        self.saved = saved

    def vjp(self, needed: Any, ct: Any, y: Any, args: Any, params: Any) -> list[Any]:
        full = [zeros_like(e) if c is None else c for c, e in zip(ct, y, strict=True)]
        found = list(self.call.bwd(*self.saved, *full))
        for x, g, n in zip(args, found, needed, strict=True):
            if n is not None and g is not None and tuple(g.shape) != tuple(x.shape):
                raise errors.ArgumentError(
                    f"{self.name}: bwd returned a cotangent of shape {tuple(g.shape)} for an "
                    f"argument of shape {tuple(x.shape)}; they must be equal"
                )
        return found

    def jvp(self, tangents: Any, y: Any, args: Any, params: Any) -> list[Any]:
        return list(self.call.jvp_call(args, tangents)[1])
