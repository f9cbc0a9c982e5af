"""Every function that the library registers has a row, and every primitive is reached by one."""

import gpubp
from gpubp.core.namespace import CREATION, FUNCTIONS
from gpubp.core.primitive import PRIMITIVES, Primitive
from gpubp.rules.families import Creation
from gpubp.testing.cases import CASES, ROWS
from on_cases import NUMPY, arguments, cotangents, function, tangents

# What has no row: it takes no array to differentiate, or is a layer's; its own tests.
ELSEWHERE = {
    "__array_namespace_info__": "tests/core/test_namespace.py",
    "from_dlpack": "tests/core/test_namespace.py",
    "number_as_array": "tests/compiler/test_numbers.py",
    "product": "tests/backends/test_kernels.py",
    "random_bits": "tests/random/test_philox.py",
    "stop_gradient": "tests/transforms/test_custom.py",
    "to_device": "tests/core/test_to_device.py",
}
# Arithmetic of Python numbers in a recorded program: tests/compiler/test_numbers.py.
ON_NUMBERS = {name for name in PRIMITIVES if name.startswith("number.")}


def test_every_function_has_a_row():
    rows = {row.name for row in ROWS}
    missing = {*FUNCTIONS, *CREATION} - rows - set(ELSEWHERE)
    assert not missing, f"no row in gpubp/testing/cases for {sorted(missing)}"


def test_every_primitive_is_reached_by_a_row(monkeypatch):
    """By the call itself, its derivatives in both modes, or the derivatives of those."""
    reached = set()
    process = Primitive.__call__

    def counted(self, *args, **params):
        reached.add(self.name)
        return process(self, *args, **params)

    def counted_creation(self, *args, **params):
        reached.add(self.name)
        return create(self, *args, **params)

    create = Creation.__call__
    monkeypatch.setattr(Primitive, "__call__", counted)
    monkeypatch.setattr(Creation, "__call__", counted_creation)
    for case in CASES:
        for dtype in case.dtypes():
            xs, ts = arguments(case, NUMPY, dtype), tangents(case, NUMPY, dtype)
            f, cts = function(case), cotangents(case, NUMPY, dtype)
            gpubp.jvp(lambda *a, f=f, cts=cts: gpubp.vjp(f, *a)[1](cts), xs, ts)
    missing = set(PRIMITIVES) - reached - set(ELSEWHERE) - ON_NUMBERS
    assert not missing, f"no case in gpubp/testing/cases reaches {sorted(missing)}"


def test_every_row_has_cases_with_names_of_their_own():
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    for row in ROWS:
        labels = [case.label for case in row.cases]
        assert labels, f"{row.name} has no case"
        assert len(set(labels)) == len(labels), f"{row.name} has two cases of one name"
