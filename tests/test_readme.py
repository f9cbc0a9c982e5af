"""What README.md shows is true: its example runs, and every name in it exists."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

import gpubp

README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.mark.parametrize("source", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_example_prints_what_its_comment_says(source: str) -> None:
    expected = re.search(r"print\(.*\)  # (.*)", source)
    assert expected is not None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "README.md", "exec"), {})
    assert printed.getvalue().strip() == expected[1]


def names() -> list[str]:
    """The modules that README speaks of, and the rows of its table of transformations."""
    modules = re.findall(r"`gpubp\.([a-z_]+)`", README)
    table = README.partition("## Transformations")[2].partition("Beside them")[0]
    first_cells = " ".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))
    return sorted({*modules, *re.findall(r"\w+", first_cells)} - {"backends"})


@pytest.mark.parametrize("name", names())
def test_name_exists(name: str) -> None:
    assert hasattr(gpubp, name)
