"""Every function that the library registers has a row, and every primitive is reached by one."""

import gpubp
from cases import CASES, ROWS
from gpubp.core.namespace import CREATION, FUNCTIONS
from gpubp.core.primitive import PRIMITIVES, Primitive
from on_cases import NUMPY, arguments, cotangents, function, tangents

# What takes no array to differentiate, with the tests that it has instead.
ELSEWHERE = {
    "__array_namespace_info__": "tests/core/test_namespace.py",
    "from_dlpack": "tests/core/test_namespace.py",
    "stop_gradient": "tests/transforms/test_custom.py",
    "to_device": "tests/core/test_to_device.py",
}


def test_every_function_has_a_row():
    rows = {row.name for row in ROWS}
    missing = {*FUNCTIONS, *CREATION} - rows - set(ELSEWHERE)
    assert not missing, f"no row in tests/cases for {sorted(missing)}"


def test_every_primitive_is_reached_by_a_row(monkeypatch):
    """By the call itself, its derivatives in both modes, or the derivatives of those."""
    reached = set()
    process = Primitive.__call__

    def counted(self, *args, **params):
        reached.add(self.name)
        return process(self, *args, **params)

    monkeypatch.setattr(Primitive, "__call__", counted)
    for case in CASES:
        for dtype in case.dtypes():
            f, cts = function(case), cotangents(case, NUMPY, dtype)

            def gradient(*xs, f=f, cts=cts):
                return gpubp.vjp(f, *xs)[1](cts)

            gpubp.jvp(gradient, arguments(case, NUMPY, dtype), tangents(case, NUMPY, dtype))
    missing = set(PRIMITIVES) - reached - set(ELSEWHERE)
    assert not missing, f"no case in tests/cases reaches {sorted(missing)}"


def test_every_row_has_cases_with_names_of_their_own():
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    for row in ROWS:
        labels = [case.label for case in row.cases]
        assert labels, f"{row.name} has no case"
        assert len(set(labels)) == len(labels), f"{row.name} has two cases of one name"
