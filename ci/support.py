"""Write the catalogue of what is supported from the outcomes of the laws.

    python ci/support.py [--all]

Runs `tests/laws` on every library and writes `gpubp/support.json` with the page `gpubp/SUPPORT.md`.
Rows that the catalogue has already, from the same releases of the libraries, are not run again,
unless all are asked for. A row for which a law fails stays out, and the exit status says so;
without one of the libraries nothing is written.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILE, PAGE = ROOT / "gpubp" / "support.json", ROOT / "gpubp" / "SUPPORT.md"

TRANSFORMS = ("value", "jvp", "vjp", "vmap", "second")
# What each law shows when it holds for a case on a library (NumPy where it has none).
LAWS = {
    "test_value_is_the_raw_librarys": ("value",),
    "test_differences_to_second_order": ("jvp", "vjp", "second"),
    "test_derivatives_are_numpys": ("jvp", "vjp"),
    "test_second_order_commutes": ("second",),
    "test_every_combination_of_batched_arguments": ("vmap",),
    "test_on_every_library": ("vmap",),
}
# The tests' libraries that stand for a backend, and its name, which is its module's too.
BACKENDS = {"numpy": "numpy", "strict": "array_api_strict", "torch": "torch", "cupy": "cupy"}

Held = dict[str, dict[tuple[str, str], set[str]]]  # row, (backend, transform) -> labels of cases


class Laws:
    """A pytest plug-in: selects the laws of the given rows and keeps account of what held."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = set(names)
        self.held: Held = defaultdict(lambda: defaultdict(set))
        self.failed: dict[str, list[str]] = defaultdict(list)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if self._wanted(item)]

    def _wanted(self, item: Any) -> bool:
        if item.originalname not in LAWS:
            return False
        case, library = _sample(item)
        return library in BACKENDS and case.name in self.names

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: Any) -> Iterator[None]:
        report: Any = yield
        if report.outcome != "passed":
            self.failed[_sample(item)[0].name].append(f"{item.nodeid} {report.outcome}")
        elif report.when == "call":
            case, library = _sample(item)
            for transform in LAWS[item.originalname]:
                self.held[case.name][BACKENDS[library], transform].add(case.label)
        return report


def _sample(item: Any) -> tuple[Any, str]:
    params = item.callspec.params
    return params["case"], params.get("library", "numpy")


def entry(row: Any, section: str, held: dict[tuple[str, str], set[str]]) -> dict[str, Any]:
    """The catalogue's entry of a row, given the cases that held."""
    backends: dict[str, dict[str, str]] = {}
    lacks: dict[str, list[str]] = {}
    for backend in BACKENDS.values():
        states = backends[backend] = {}
        for transform in TRANSFORMS:
            asked, found = held["numpy", transform], held[backend, transform]
            states[transform] = (
                "none" if not asked else "yes" if found == asked else "partly" if found else "no"
            )
        missing = held["numpy", "value"] - held[backend, "value"]
        if missing:
            lacks[backend] = [case.label for case in row.cases if case.label in missing]
    kinds = {"real": any(c.real for c in row.cases), "complex": any(c.complex for c in row.cases)}
    return {
        "section": section,
        "kind": kind(row),
        "dtypes": [kind for kind, tried in kinds.items() if tried],
        "backends": backends,
        "lacks": lacks,
        "row": row.digest(),
    }


def kind(row: Any) -> str:
    """Of real arguments where the row has them: `sign` has a derivative for complex ones only."""
    tried = {dtype for case in row.cases for dtype in case.dtypes()}
    moves = {d for d in tried if any(differentiable(c, d) for c in row.cases if d in c.dtypes())}
    if not moves:
        return "constant"
    return "constant for real arguments" if "float64" in tried - moves else "differentiable"


def differentiable(case: Any, dtype: str) -> bool:
    """Whether what the row's own function returned in this case moves with the arguments.

    Its results are looked at where the case calls it, because some cases go on with them: those of
    `zeros_like` multiply by `x`, say. A case that does not call it by name is an operator.
    """
    import numpy as np

    import gpubp
    from gpubp.core import tree
    from on_cases import NUMPY, arguments, tangents

    def results(*args: Any) -> list[Any]:
        seen: list[Any] = []
        out = case.call(_Watched(gpubp.array_namespace(*args), case.name, seen.append), *args)
        return [x for x in tree.leaves(seen or out) if isinstance(x, gpubp.Array)]

    ts = gpubp.jvp(results, arguments(case, NUMPY, dtype), tangents(case, NUMPY, dtype))[1]
    return any(t is not None and np.any(t) for t in ts)


class _Watched:
    """A namespace that shows the results of one of its functions to somebody."""

    def __init__(self, xp: Any, name: str, show: Callable[[Any], None]) -> None:
        self._xp, self._name, self._show = xp, name, show

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._xp, attribute)
        extension, _, rest = self._name.partition(".")
        if rest and attribute == extension:
            return _Watched(found, rest, self._show)
        if attribute != self._name:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            out = found(*args, **kwargs)
            self._show(out)
            return out

        return call


def page(content: dict[str, Any]) -> str:
    """The catalogue as a page in Markdown."""
    libraries = ", ".join(f"{name} {release}" for name, release in content["libraries"].items())
    lines = [
        "# What is supported",
        "",
        "Written by `ci/support.py` from the outcomes of the laws in `tests/laws`; a program reads",
        f"it with `gpubp.support()`. Tried with {libraries}.",
        "",
        "**yes**: value, JVP, VJP, vmap and second derivative are right in every tested call that",
        "they apply to: not without a floating-point argument, nor under vmap where the result's",
        "shape depends on values. **partly**, **no**: some of the calls, or all, are beyond the",
        "library itself or the device that it was tried on; the others are right. A *constant*",
        "function has a derivative of zero, or none: piecewise-constant functions, those of",
        "integers and truth values, those that make arrays or answer about types.",
    ]
    sections: dict[str, list[str]] = defaultdict(list)
    for name, found in content["functions"].items():
        cells = [_cell(states) for states in found["backends"].values()]
        kind = found["kind"] + (", complex too" if found["dtypes"] == ["real", "complex"] else "")
        kind += ", complex only" if found["dtypes"] == ["complex"] else ""
        sections[found["section"]].append(f"| `{name}` | {kind} | {' | '.join(cells)} |")
    for section, rows in sections.items():
        lines += ["", f"## {section.replace('_', ' ')}", ""]
        lines += [
            f"| function | kind | {' | '.join(BACKENDS.values())} |",
            "| --- " * 6 + "|",
            *rows,
        ]
    lacking = {n: e["lacks"] for n, e in content["functions"].items() if e["lacks"]}
    if lacking:
        lines += ["", "## Calls beyond a library or its device", ""]
        lines += ["| function | library | calls |", "| --- | --- | --- |"]
        for name, lacks in lacking.items():
            lines += [f"| `{name}` | {b} | {'; '.join(calls)} |" for b, calls in lacks.items()]
    return "\n".join(lines) + "\n"


def _cell(states: dict[str, str]) -> str:
    """One word where all transformations agree, else each that does not say yes."""
    counted = {t: s for t, s in states.items() if s != "none"}
    if len(set(counted.values())) == 1:
        return next(iter(counted.values()))
    return ", ".join(f"{t}: {s}" for t, s in counted.items() if s != "yes")


def write(content: dict[str, Any]) -> None:
    """Both files; the catalogue with a function on each line, for readable differences."""
    functions = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(found)}" for name, found in content["functions"].items()
    )
    libraries = json.dumps(content["libraries"])
    FILE.write_text(f'{{"libraries": {libraries},\n"functions": {{\n{functions}\n}}}}\n')
    PAGE.write_text(page(content))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="run every row again")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    import blas_threads  # noqa: F401  before anything imports NumPy
    import cuda_device  # before anything imports CuPy
    from gpubp.testing.cases import SECTIONS

    rows = {row.name: (row, s.__name__.split(".")[-1]) for s in SECTIONS for row in s.ROWS}
    if cuda_device.MISSING:
        sys.exit(f"the catalogue needs every library: {cuda_device.MISSING}")
    libraries = {name: importlib.import_module(name).__version__ for name in BACKENDS.values()}
    libraries["cupy"] += f" on {cuda_device.KIND}"
    written = json.loads(FILE.read_text()) if FILE.exists() else {}
    same = written.get("libraries") == libraries and not options.all
    known = written["functions"] if same else {}
    stale = [n for n, (row, _) in rows.items() if known.get(n, {}).get("row") != row.digest()]
    laws = Laws(stale)
    if stale:
        status = pytest.main(["-q", "-p", "no:cacheprovider", str(ROOT / "tests/laws")], [laws])
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            sys.exit("nothing written: the laws could not be run")
    functions = {
        name: entry(row, section, laws.held[name]) if name in laws.names else known[name]
        for name, (row, section) in rows.items()
        if name not in laws.failed
    }
    write({"libraries": libraries, "functions": functions})
    print(f"{FILE.relative_to(ROOT)}: {len(functions)} functions, of which {len(stale)} were tried")
    if laws.failed:
        problems = [problem for found in laws.failed.values() for problem in found]
        sys.exit("\n".join([f"left out: {', '.join(laws.failed)}", *problems]))


if __name__ == "__main__":
    main()
