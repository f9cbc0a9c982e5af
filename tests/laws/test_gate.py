"""Every function that the library registers has a row, and every primitive is reached by one."""

import gpubp
from cases import CASES, ROWS
from gpubp.core.namespace import CREATION, FUNCTIONS
from gpubp.core.primitive import PRIMITIVES, Primitive
from on_cases import NUMPY, arguments, function

# Functions that take no array to differentiate, with the test that they have instead.
ELSEWHERE = {"from_dlpack": "tests/core: refused, with the reason"}


def test_every_function_has_a_row():
    rows = {row.name for row in ROWS}
    missing = {*FUNCTIONS, *CREATION} - rows - set(ELSEWHERE)
    assert not missing, f"no row in tests/cases for {sorted(missing)}"


def test_every_primitive_is_reached_by_a_row(monkeypatch):
    reached = set()
    process = Primitive.__call__

    def counted(self, *args, **params):
        reached.add(self.name)
        return process(self, *args, **params)

    monkeypatch.setattr(Primitive, "__call__", counted)
    for case in CASES:
        gpubp.linearize(function(case), *arguments(case, NUMPY, "float64"))
    missing = set(PRIMITIVES) - reached
    assert not missing, f"no case in tests/cases reaches {sorted(missing)}"


def test_every_row_has_cases_with_names_of_their_own():
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    for row in ROWS:
        labels = [case.label for case in row.cases]
        assert labels, f"{row.name} has no case"
        assert len(set(labels)) == len(labels), f"{row.name} has two cases of one name"
