"""What is supported: function by transformation by backend, as the tests found it.

``support.json`` is written by ``ci/support.py`` from the outcomes of the laws in ``tests/laws``;
nobody edits it by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, overload

from gpubp.errors import UnsupportedFunctionError

TRANSFORMS = ("value", "jvp", "vjp", "vmap", "second")


@dataclass(frozen=True)
class Support:
    """What is known of one function.

    Attributes:
        name: as in the standard; ``"linalg.inv"`` in an extension, ``"__add__"`` of an array.
        section: of the standard.
        kind: ``"differentiable"``, or ``"constant"`` (``"constant for real arguments"``) where
            the derivative is zero everywhere or there is none: piecewise-constant functions, those
            of integers and truth values, those that make arrays or answer about types.
        dtypes: what arguments it was tried with: ``"real"``, ``"complex"``, or both.
        backends: by name, then by transformation (``"value"``, ``"jvp"``, ``"vjp"``, ``"vmap"``,
            ``"second"`` for the second derivative): ``"yes"``; ``"partly"`` or ``"no"`` where the
            library itself lacks some of the tested calls or all; ``"none"`` where it does not
            apply: no floating-point argument, or under vmap a shape that depends on values.
        lacks: by backend, the tested calls that the library itself lacks, or that the device it
            was tried on (see :attr:`Catalogue.libraries`) can't run.
    """

    name: str
    section: str
    kind: str
    dtypes: tuple[str, ...]
    backends: dict[str, dict[str, str]]
    lacks: dict[str, tuple[str, ...]]

    def __repr__(self) -> str:
        """A table.

        >>> support("floor")
        floor (elementwise): constant, real
                          value   jvp     vjp     vmap    second
        numpy             yes     yes     yes     yes     yes
        ...
        """
        lines = [f"{self.name} ({self.section}): {self.kind}, {' and '.join(self.dtypes)}"]
        lines.append(_columns("", TRANSFORMS))
        for backend, states in self.backends.items():
            line = _columns(backend, [states[transform] for transform in TRANSFORMS])
            lacks = "; ".join(self.lacks.get(backend, ()))
            lines.append(f"{line}  (it lacks: {lacks})" if lacks else line)
        return "\n".join(lines)


def _columns(first: str, rest: Any) -> str:
    return (first.ljust(18) + "".join(cell.ljust(8) for cell in rest)).rstrip()


class Catalogue(dict[str, Support]):
    """Every function by its name; ``libraries`` has the releases that it was tried with."""

    libraries: dict[str, str]

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, self.values()))


@cache
def _read() -> Catalogue:
    import json  # these three take longer than the rest of this file, which importing gpubp runs
    from importlib import resources

    text = resources.files("gpubp").joinpath("support.json").read_text(encoding="utf-8")
    content = json.loads(text)
    found = Catalogue()
    found.libraries = content["libraries"]
    for name, entry in content["functions"].items():
        found[name] = Support(
            name,
            entry["section"],
            entry["kind"],
            tuple(entry["dtypes"]),
            entry["backends"],
            {backend: tuple(labels) for backend, labels in entry["lacks"].items()},
        )
    return found


@overload
def support(name: None = None) -> Catalogue: ...
@overload
def support(name: str) -> Support: ...
def support(name: str | None = None) -> Catalogue | Support:
    """What is supported, as the tests found it: of one function, or of all of them by name.

    Args:
        name: as in the standard (``"exp"``, ``"linalg.inv"``, ``"__add__"``); None for all.

    Returns:
        :class:`~gpubp.catalogue.Support`, or a dictionary of them. It is shared: don't change it.

    Raises:
        UnsupportedFunctionError: for a name that is not in the catalogue; names the nearest.

    Examples:
        >>> support("exp").backends["numpy"]["vjp"]
        'yes'
        >>> [name for name, entry in support().items() if entry.kind == "constant"][:3]
        ['arange', 'empty', 'empty_like']
    """
    everything = _read()
    if name is None:
        return everything
    if name not in everything:
        import difflib

        near = difflib.get_close_matches(name, everything, n=3)
        hint = f"; the nearest are {', '.join(near)}" if near else ""
        raise UnsupportedFunctionError(f"support: no function {name!r} is supported{hint}")
    return everything[name]
