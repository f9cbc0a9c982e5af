"""gpubp.support and its page are those of the rows as they stand."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

import gpubp
from gpubp.testing.cases import ROWS, SECTIONS

ROOT = Path(__file__).parents[1]
RENEW = "run python ci/support.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ci_support", ROOT / "ci" / "support.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def content() -> dict:
    return json.loads((ROOT / "gpubp" / "support.json").read_text())


def test_it_is_of_these_rows(content: dict) -> None:
    found = {name: entry["row"] for name, entry in content["functions"].items()}
    expected = {row.name: row.digest() for row in ROWS}
    changed = sorted(n for n in {*found, *expected} if found.get(n) != expected.get(n))
    assert not changed, f"{RENEW}: the rows have changed of {', '.join(changed)}"


def test_the_page_is_of_the_catalogue(script: ModuleType, content: dict) -> None:
    page = (ROOT / "gpubp" / "SUPPORT.md").read_text()
    assert page == script.page(content), RENEW
    assert [line for line in page.splitlines() if line.startswith("## ")][: len(SECTIONS)] == [
        f"## {section.__name__.split('.')[-1].replace('_', ' ')}" for section in SECTIONS
    ]


def test_a_row_changes_its_digest_with_its_cases() -> None:
    row = ROWS[0]
    fewer = dataclasses.replace(row, cases=row.cases[:-1])
    lacking = dataclasses.replace(
        row, cases=(dataclasses.replace(row.cases[0], lacking=("torch",)), *row.cases[1:])
    )
    assert len({row.digest(), fewer.digest(), lacking.digest()}) == 3
    assert dataclasses.replace(row).digest() == row.digest()


def test_every_backend_and_transformation_has_a_state() -> None:
    everything = gpubp.support()
    assert set(everything) == {row.name for row in ROWS}
    for entry in everything.values():
        assert set(entry.backends) == {"numpy", "array_api_strict", "torch", "cupy"}
        for states in entry.backends.values():
            assert list(states) == ["value", "jvp", "vjp", "vmap", "second"]
            assert set(states.values()) <= {"yes", "partly", "no", "none"}
        assert set(entry.backends["numpy"].values()) <= {"yes", "none"}
        assert entry.backends["numpy"]["value"] == "yes"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("exp", "differentiable"),
        ("sort", "differentiable"),
        ("linalg.inv", "differentiable"),
        ("__add__", "differentiable"),
        ("asarray", "differentiable"),
        ("where", "differentiable"),
        ("floor", "constant"),
        ("sign", "constant for real arguments"),
        ("argsort", "constant"),
        ("greater", "constant"),
        ("bitwise_and", "constant"),
        ("zeros_like", "constant"),
        ("arange", "constant"),
        ("finfo", "constant"),
        ("isnan", "constant"),
    ],
)
def test_kind(name: str, kind: str) -> None:
    assert gpubp.support(name).kind == kind


def test_what_a_library_lacks_is_named() -> None:
    """Of a row that says so itself, and only there."""
    for row in ROWS:
        expected = tuple(case.label for case in row.cases if "torch" in case.lacking)
        entry = gpubp.support(row.name)
        assert entry.lacks.get("torch", ()) == expected
        state = entry.backends["torch"]["value"]
        assert state == (
            "no" if len(expected) == len(row.cases) else "partly" if expected else "yes"
        )


def test_complex_arguments() -> None:
    assert gpubp.support("exp").dtypes == ("real", "complex")
    assert gpubp.support("floor").dtypes == ("real",)
    assert gpubp.support("fft.ifftn").dtypes == ("real", "complex")
    assert gpubp.support("fft.rfft").dtypes == ("real",)


def test_a_table_to_read() -> None:
    text = repr(gpubp.support("exp"))
    assert text.splitlines()[0] == "exp (elementwise): differentiable, real and complex"
    assert text.splitlines()[1].split() == ["value", "jvp", "vjp", "vmap", "second"]
    assert "linalg.inv (linalg)" in repr(gpubp.support())


def test_releases_are_named() -> None:
    libraries = gpubp.support().libraries
    assert set(libraries) == {"numpy", "array_api_strict", "torch", "cupy"}
    assert libraries["cupy"].endswith("CUDA device")


def test_unknown_name() -> None:
    with pytest.raises(gpubp.errors.UnsupportedFunctionError, match=r"'linalg.invv'.*linalg\.inv"):
        gpubp.support("linalg.invv")
