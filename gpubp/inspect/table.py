"""The table of a function's intermediate values, local derivatives and cotangents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp.core.shapes import size_of
from gpubp.inspect.drawing import Card, Edge, Line, svg
from gpubp.inspect.report import Report, Sheet
from gpubp.inspect.spelling import clipped
from gpubp.inspect.steps import Local, Step, steps
from gpubp.inspect.summary import summary

TENSOR = 8  # numbers of a local derivative that are written out: those of a 2 x 2 x 2 one


def table(f: Callable[..., Any], *args: Any, cotangent: Any = None) -> Table:
    """Take ``f(*args)`` apart: introduce variables, differentiate each, combine, substitute.

    Every operation that ``f`` calls makes an intermediate variable ``u1``, ``u2``, ...; each is
    differentiated locally by those that it is computed from; and the derivative of the result
    ``y`` by each is the sum, over its users, of the user's derivative times the local one.

    Args:
        f: function that returns one array.
        *args: its positional arguments, any trees of arrays.
        cotangent: like the result; what the Jacobian is multiplied with from the left. Ones if
            left out; a scalar's derivatives need none.

    Returns:
        A :class:`Table`: prints as text, shows as HTML and SVG in a notebook.

    Raises:
        ArgumentError: if ``f`` does not return one array that depends on ``args``.

    Examples:
        >>> import numpy as np
        >>> sigmoid = table(lambda x: 1 / (1 + np.exp(-x)), np.asarray(0.0))
        >>> [step.definition for step in sigmoid]
        ['', '-x', 'exp(u1)', '1 + u2', '1 / u3']
        >>> sigmoid["u2"].cotangent
        array(-0.25)
        >>> sigmoid["x"].cotangent
        array(0.25)
    """
    return Table(steps(f, args, cotangent, "inspect.table"))


class Table(Report):
    """The steps of a function. Iterate over it, or look a :class:`Step` up by number or name."""

    def __init__(self, rows: Sequence[Step]) -> None:
        self.steps = list(rows)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Any:
        return iter(self.steps)

    def __getitem__(self, key: int | str) -> Step:
        if isinstance(key, int):
            return self.steps[key]
        for step in self.steps:
            if step.name == key:
                return step
        names = ", ".join(step.name for step in self.steps)
        raise KeyError(f"no variable {key!r}; there are {names}")

    @property
    def result(self) -> Step:
        """The last step."""
        return self.steps[-1]

    def sheets(self) -> Sequence[Sheet]:
        """Two tables: upwards from the inputs, then downwards from the result."""
        up = [
            (
                step.name,
                step.definition or "input",
                summary(step.value),
                "\n".join(self._local(step, local) for local in step.locals),
            )
            for step in self.steps
        ]
        down = [self._combined(step) for step in reversed(self.steps)]
        return (
            Sheet(
                "Introduce intermediate variables, differentiate each",
                ("", "definition", "value", "local derivatives"),
                up,
            ),
            Sheet(
                "Combine by the chain rule, substitute",
                ("", "combined", "substituted", "value"),
                down,
            ),
        )

    def _by(self, step: Step) -> str:
        return f"d{self.result.name}/d{step.name}"

    def _local(self, step: Step, local: Local) -> str:
        name = _partial(step, self.steps[local.parent])
        return " = ".join(part for part in (name, *_values(local)) if part)

    def _combined(self, step: Step) -> tuple[str, str, str, str]:
        terms, numbers = [], []
        for user in (self.steps[n] for n in step.users):
            local = next(x for x in user.locals if self.steps[x.parent] is step)
            name = _partial(user, step)
            terms.append(name if user is self.result else f"{self._by(user)} {name}")
            if size_of(local.shape) == 1 and local.value is not None:
                factors = (local.value,) if user is self.result else (user.cotangent, local.value)
                numbers.append(" \u00b7 ".join(map(_factor, factors)))
        substituted = " + ".join(numbers) if len(numbers) == len(terms) else ""
        if step is self.result:
            terms = ["1"] if size_of(tuple(step.value.shape)) == 1 else ["given"]
        return self._by(step), " + ".join(terms) or "0", substituted, summary(step.cotangent)

    def _repr_svg_(self) -> str:
        cards, edges = [], []
        for n, step in enumerate(self.steps):
            title = f"{step.name} = {step.definition}" if step.definition else step.name
            lines = [Line(title, "title"), Line(clipped(summary(step.value)))]
            kind = "card" if step.definition else "input"
            if step is self.result:
                kind = "output"
            else:
                lines.append(
                    Line(f"{self._by(step)} = {clipped(summary(step.cotangent))}", "derivative")
                )
            cards.append(Card(tuple(lines), kind))
            for local in step.locals:
                label = self._local(step, local)
                parts = label.split(" = ")
                broken = (label,) if len(label) < 24 else (parts[0], *(f"= {p}" for p in parts[1:]))
                edges.append(Edge(local.parent, n, broken))
        return svg(cards, edges, f"{self.result.name} and its derivatives")


def _partial(of: Step, by: Step) -> str:
    """A local derivative's name; the round d tells it from the total one."""
    return f"\u2202{of.name}/\u2202{by.name}"


def _factor(x: Any) -> str:
    text = summary(x)
    return f"({text})" if text.startswith("-") else text


def _values(local: Local) -> tuple[str, ...]:
    """The formula and the numbers of a local derivative, each if it adds something."""
    if not local.elementwise and (local.value is None or size_of(local.shape) > TENSOR):
        return (local.formula or f"shape {local.shape}",)
    numbers = summary(local.value, shown=TENSOR)
    if local.elementwise and size_of(local.shape) > 1:
        numbers = f"diag({numbers})"
    if local.formula is None or _is_number(local.formula):
        return (numbers,)
    return (local.formula, numbers)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
