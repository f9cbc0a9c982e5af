"""``gpubp check``."""

import numpy as np
import pytest

import cuda_device
from gpubp.cli import main
from gpubp.core import primitive
from gpubp.core.backend import backend_of


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def check(capsys):
    """Runs the command: exit status and what is printed."""

    def run(*arguments):
        status = main(["check", *arguments])
        return status, capsys.readouterr().out

    return run


def test_a_table_of_functions_by_backend(check):
    status, said = check("exp", "linalg.inv", "--backend", "numpy")
    assert status == 0
    lines = said.splitlines()
    assert sum(line.startswith(("│ exp ", "│ linalg.inv ")) for line in lines) == 2
    assert lines[-1] == f"numpy ({np.__version__}, cpu): all 4 pass"


def test_every_usable_backend_unless_some_are_named(check):
    from gpubp.core.backend import available_backends

    _, said = check("exp", "--dtype", "float32")
    for name, status in available_backends().items():
        assert (f"\n{name} (" in said) == status.usable


@pytest.fixture
def broken(monkeypatch):
    """Replaces what NumPy's backend runs for a primitive."""

    def broken(name, run):
        backend = backend_of(np.empty(0))
        monkeypatch.setattr(backend, "kernels", {**backend.kernels, name: run})
        monkeypatch.setattr(primitive, "_IMPLEMENTATIONS", {})

    return broken


def test_a_wrong_function_fails_by_name(check, broken):
    broken("exp", lambda x: np.exp(x) * x.dtype.type(1 + 1e-5))
    status, said = check("exp", "sin", "--backend", "numpy", "--dtype", "float32")
    assert status == 1
    assert "numpy, float32: exp fails. off by " in said
    assert "cpu): 1 of 2 FAIL" in said


def test_a_function_that_raises_fails_with_what_it_said(check, broken):
    def stuck(x):
        raise OSError("its fan is stuck\nand more")

    broken("sin", stuck)
    status, said = check("sin", "--backend", "numpy", "--dtype", "float64")
    assert status == 1
    assert "numpy, float64: sin fails. matrix (float64): OSError: its fan is stuck\n" in said


def test_half_precision(check):
    asked = ("exp", "add", "matmul", "linalg.inv", "--backend", "numpy", "--dtype", "float16")
    status, said = check(*asked)
    assert status == 0
    assert said.splitlines()[-1].endswith("all 3 pass, 1 left out")  # no inverse of such a matrix


def test_an_unknown_function_names_the_nearest(capsys):
    assert main(["check", "exq"]) == 2
    assert capsys.readouterr().err == (
        "gpubp check: there is no function 'exq' to check; did you mean 'exp'?\n"
    )


def test_what_needs_a_real_device_is_left_out_on_an_emulated_one(check):
    if "emulated" not in cuda_device.KIND or cuda_device.MISSING:
        pytest.skip("the CUDA device is real, or missing")
    status, said = check("special.beta", "exp", "--backend", "cupy", "--dtype", "float32")
    assert status == 0
    assert "CUDA emulator" in said
    assert said.splitlines()[-1].endswith("all 1 pass, 1 left out")
