"""What ``dir``, ``help`` and an editor show of the library."""

import importlib
import inspect

import pytest

import gpubp

PACKAGES = [
    "gpubp",
    "gpubp.data",
    "gpubp.inspect",
    "gpubp.losses",
    "gpubp.nn",
    "gpubp.optim",
    "gpubp.random",
    "gpubp.special",
    "gpubp.testing",
    "gpubp.train",
]
FUNCTIONS = [
    pytest.param(getattr(importlib.import_module(package), name), id=f"{package}.{name}")
    for package in PACKAGES
    for name in importlib.import_module(package).__all__
    if inspect.isroutine(getattr(importlib.import_module(package), name))
]


def test_dir_lists_what_is_public():
    assert dir(gpubp) == sorted(gpubp.__all__)
    assert {"nn", "losses", "optim", "random", "data", "train", "inspect"} < set(dir(gpubp))
    for name in dir(gpubp):
        assert getattr(gpubp, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'cli_'"):
        _ = gpubp.cli_


def test_public_modules_can_be_imported_by_name():
    for name in ("special", "tree", "nn"):
        assert importlib.import_module(f"gpubp.{name}") is getattr(gpubp, name)


def test_help_names_every_public_name():
    for_authors_of_rules = ["array_namespace", "rules"]
    assert [name for name in gpubp.__all__ if name not in gpubp.__doc__] == for_authors_of_rules


@pytest.mark.parametrize("f", FUNCTIONS)
def test_every_public_function_has_an_example(f):
    assert ">>>" in inspect.getdoc(f)
