"""Formulas as text: what a primitive computes, and what its own rule says its derivative is.

The derivative's formula is no second table of derivatives: the rule that differentiates is run on
arrays that carry text along, with the tangent spelled "1".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gpubp.core.array import Array
from gpubp.core.primitive import Primitive
from gpubp.core.shapes import size_of
from gpubp.core.trace import Trace, running
from gpubp.inspect.summary import summary
from gpubp.rules.families import Elementwise, full_like

ATOM, POWER, PRODUCT, SUM = 4, 3, 2, 1  # how tightly an expression's outermost operator binds

LONGEST = 40  # characters of a formula; a longer one says less than its numbers do

# Operator, and how tightly it binds. The right-hand side of - and / must bind tighter.
OPERATORS = {
    "add": ("+", SUM),
    "subtract": ("-", SUM),
    "multiply": ("*", PRODUCT),
    "multiply_no_nan": ("*", PRODUCT),
    "divide": ("/", PRODUCT),
    "divide_no_nan": ("/", PRODUCT),
    "matmul": ("@", PRODUCT),
    "pow": ("**", POWER),
    "less": ("<", 0),
    "less_equal": ("<=", 0),
    "greater": (">", 0),
    "greater_equal": (">=", 0),
    "equal": ("==", 0),
    "not_equal": ("!=", 0),
}
# Names of primitives that stand for a function of another name.
NAMES = {"abs_real": "abs", "sign_real": "sign", "norm_root": "sqrt"}


class Text(NamedTuple):
    """An expression and how tightly its outermost operator binds."""

    text: str
    binds: int = ATOM

    def within(self, binds: int) -> str:
        """The expression as an operand of an operator that binds so."""
        return self.text if self.binds >= binds else f"({self.text})"


def literal(x: Any) -> Text:
    """A constant of a formula: its numbers where they are few, else ``array`` and its shape."""
    shape = tuple(getattr(x, "shape", ()))
    if size_of(shape) > 3:
        return Text(f"array{shape}")
    text = summary(x)
    return Text(text, SUM if text.startswith("-") else ATOM)


def spell(primitive: Primitive, args: Sequence[Text], params: dict[str, Any]) -> Text:
    """The call ``primitive(*args, **params)`` as one would write it."""
    name = primitive.name
    if name in OPERATORS and len(args) == 2:
        return _operation(*OPERATORS[name], *args)
    if name == "negative":
        return Text(f"-{args[0].within(PRODUCT)}", SUM)
    if is_transpose(primitive, params):
        return Text(f"{args[0].within(ATOM)}.T")
    if name == "slice":
        return Text(f"{args[0].within(ATOM)}[{', '.join(_key(k) for k in params['spec'])}]")
    if name == "gather":
        return Text(f"{args[0].within(ATOM)}[{', '.join(a.text for a in args[1:])}]")
    written = [a.text for a in args]
    if params.get("axis") is not None and not _is_default(params["axis"]):
        axis = params["axis"]
        written.append(f"axis={axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis}")
    return Text(f"{NAMES.get(name, name)}({', '.join(written)})")


def _is_default(axis: Any) -> bool:
    return isinstance(axis, tuple) and axis == tuple(range(len(axis)))


def is_transpose(primitive: Primitive, params: dict[str, Any]) -> bool:
    """Whether the call is ``x.T``."""
    return primitive.name == "permute_dims" and tuple(params["axes"]) == (1, 0)


def _key(part: Any) -> str:
    """An index, or ``(start, stop, step)``, as it stands between the brackets."""
    if not isinstance(part, tuple):
        return str(part)
    start, stop, step = part
    return f"{start}:{stop}" + (f":{step}" if step != 1 else "")


def _operation(sign: str, binds: int, a: Text, b: Text) -> Text:
    if sign == "**":
        return Text(f"{a.within(ATOM)}**{b.within(ATOM)}", POWER)
    right = b.within(binds + 1 if sign in "-/" else binds)
    return Text(f"{a.within(binds)} {sign} {right}", binds)


# (function, operand, its text): the number of the operand that the whole is equal to.
_IDENTITIES = {
    ("multiply", 0, "0"): 0,
    ("multiply", 1, "0"): 1,
    ("multiply", 0, "1"): 1,
    ("multiply", 1, "1"): 0,
    ("divide", 0, "0"): 0,
    ("divide", 1, "1"): 0,
    ("add", 0, "0"): 1,
    ("add", 1, "0"): 0,
    ("subtract", 1, "0"): 0,
    ("pow", 1, "1"): 0,
}


def simplified(primitive: Primitive, args: Sequence[Text], params: dict[str, Any]) -> Text:
    """:func:`spell` with a derivative's ones and zeros left out, as in ``1 * x = x``."""
    name = primitive.name.removesuffix("_no_nan")
    for n, arg in enumerate(args[:2]):
        same = _IDENTITIES.get((name, n, arg.text))
        if same is not None:
            return args[same]
    if name == "multiply" and args[0].text == "-1":
        return Text(f"-{args[1].within(PRODUCT)}", SUM)
    if name == "negative" and args[0].text == "0":
        return args[0]
    return spell(primitive, args, params)


def clipped(text: str) -> str:
    """``text``, cut where it is too long to be read."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\u2026"


def transposed(factor: Text) -> Text:
    """``W.T`` for ``W``, and ``W`` for ``W.T``."""
    return Text(factor.text[:-2] if factor.text.endswith(".T") else f"{factor.within(ATOM)}.T")


class Spelling(Trace):
    """Payload: the value. Extra: the text of the expression that it came from."""

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        values = [self.lower(a) for a in args]
        y = primitive(*values, **params)
        text = simplified(primitive, [self.text(a) for a in args], params)
        if primitive.multiple_results:
            return tuple(Array(e, self, text) for e in y)
        return Array(y, self, text)

    def text(self, x: Any) -> Text:
        """How ``x`` is written."""
        return x._extra if type(x) is Array and x._trace is self else literal(x)


def derivative(
    primitive: Primitive,
    which: int,
    y: tuple[Any, str],
    args: Sequence[tuple[Any, str | None]],
    params: dict[str, Any],
) -> str | None:
    """The partial derivative of an elementwise primitive by argument number ``which``, as text.

    Args:
        primitive: the operation.
        which: the argument's number.
        y: the result, and its name.
        args: each argument, and its name; ``None`` for a constant.
        params: of the call.

    Returns:
        The formula in terms of those names; ``None`` where there is no short one.
    """
    if not isinstance(primitive, Elementwise) or primitive.partials[which] is None:
        return None
    with running(Spelling()) as trace:

        def named(x: Any, name: str | None) -> Any:
            return x if name is None else Array(x, trace, Text(name))

        one = Array(full_like(y[0], 1), trace, Text("1"))
        values = [*[named(*a) for a in args], named(*y)]
        text = trace.text(primitive.times_partial(which, one, values)).text
    return text if len(text) <= LONGEST else None
