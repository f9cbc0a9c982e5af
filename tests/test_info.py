"""``gpubp info``."""

import pytest

from gpubp.cli import main
from gpubp.core import backend as module
from gpubp.core.backend import BackendStatus, MemoryInfo
from gpubp.info import table


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv(module.VARIABLE, raising=False)


def test_info_names_every_backend_and_the_default(capsys):
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    for name, status in module.available_backends().items():
        assert name in said
        assert status.usable or status.reason[:40] in said
    assert f"auto takes {module.get_backend().name} on device " in said
    assert "BLAS: " in said
    assert " GiB" in said


def test_info_says_who_named_the_default(capsys, monkeypatch):
    monkeypatch.setenv(module.VARIABLE, "numpy")
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    assert "auto takes numpy on device cpu, named by the environment variable GPUBP_BACKEND" in said


def test_info_shows_the_table_although_the_default_cannot_be_used(capsys, monkeypatch):
    monkeypatch.setenv(module.VARIABLE, "nmpy")
    assert main(["info"]) == 1
    said = capsys.readouterr().out
    assert "auto: there is no backend 'nmpy'; did you mean 'numpy'?" in said
    assert "BLAS: " in said


def test_the_table_says_why_and_what_to_do():
    grid = table(
        {
            "gone": BackendStatus("gone", False, "it left", "call it back"),
            "here": BackendStatus(
                "here", True, devices=("0", "1"), memory={"0": MemoryInfo(2**30, 2**31)}
            ),
        }
    )
    cells = [[str(cell) for cell in column.cells] for column in grid.columns]
    assert cells == [
        ["here", "gone"],
        ["yes", "no"],
        ["0\n1", ""],
        ["1.0 of 2.0 GiB\nunknown", ""],
        ["", "it left\nremedy: call it back"],
    ]
