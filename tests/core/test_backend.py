"""The look-up of backends: by array, by name, by default; and what it says when it cannot."""

import logging
import re
import subprocess
import sys

import numpy as np
import pytest

import gpubp
from gpubp import errors
from gpubp.core import backend as module
from gpubp.core.backend import (
    Backend,
    GenericBackend,
    available_backends,
    backend_of,
    get_backend,
    use_backend,
)

CACHES = (
    module._entry_points,
    module._plugin_classes,
    module._instance,
    module._named,
    module._auto,
)


@pytest.fixture
def fresh(monkeypatch):
    """Forget what was looked up, before and after; and what the environment chooses."""
    monkeypatch.delenv(module.VARIABLE, raising=False)
    monkeypatch.setattr(module, "_by_type", {})
    for cache in CACHES:
        cache.cache_clear()
    yield
    for cache in CACHES:
        cache.cache_clear()


@pytest.fixture
def install(fresh, tmp_path, monkeypatch):
    """Put a distribution with an entry point on the path, as pip would."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(distribution, name, source, value=None):
        package = distribution.replace("-", "_")
        monkeypatch.delitem(sys.modules, package, raising=False)
        (tmp_path / f"{package}.py").write_text(source)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\n")
        value = value or f"{package}:Plugin"
        (info / "entry_points.txt").write_text(f"[gpubp.backends]\n{name} = {value}\n")

    return install


PLUGIN = """
from gpubp.core.backend import Backend
from gpubp.errors import BackendUnavailableError

class Plugin(Backend):
    name, library, install, priority = {name!r}, "array_api_strict", "plug it in", {priority}

    @classmethod
    def probe(cls):
        if not {usable}:
            raise BackendUnavailableError(cls.name, "its fan is stuck", "free the fan")

    @property
    def xp(self):
        import array_api_strict
        return array_api_strict

    @property
    def array_types(self):
        return (type(self.xp.empty(0)),)
"""


# By array


def test_an_array_finds_its_plugin():
    assert backend_of(np.ones(2)) is get_backend("numpy")
    assert backend_of(np.float64(1.0)) is get_backend("numpy")
    assert backend_of(np.ones(2).view(type("Sub", (np.ndarray,), {}))) is get_backend("numpy")


def test_an_array_without_plugin_finds_a_generic_backend():
    strict = pytest.importorskip("array_api_strict")
    found = backend_of(strict.asarray([1.0, 2.0]))
    assert isinstance(found, GenericBackend)
    assert found is get_backend("array_api_strict")
    assert found.xp is strict
    assert found.kernels.get("index_add", "reference") == "reference"


@pytest.mark.parametrize(("x", "kind"), [([1.0], "builtins.list"), (1.0, "builtins.float")])
def test_what_is_no_array_is_refused(x, kind):
    with pytest.raises(TypeError, match=f"x must be an array .* given {kind}. Remedy: "):
        backend_of(x)


def test_no_array_library_is_imported_by_the_look_up_itself():
    code = (
        "import sys, gpubp, gpubp.core.backend as b; b._plugin_classes();"
        "print([m for m in ('numpy', 'cupy', 'torch') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# By name


def test_a_name_gives_one_instance_for_each_device():
    assert get_backend("numpy") is get_backend("numpy")
    assert get_backend("numpy:cpu") is get_backend("numpy:cpu")
    assert get_backend("numpy").device is None
    assert get_backend("numpy:cpu").device == "cpu"
    assert repr(get_backend("numpy:cpu")) == "<backend numpy:cpu>"
    assert get_backend(get_backend("numpy")) is get_backend("numpy")


def test_the_default_device_is_where_arrays_are_made():
    strict = pytest.importorskip("array_api_strict")
    backend = get_backend("array_api_strict:device1")
    x = backend.asarray([1.0, 2.0], dtype="float32")
    assert x.device == strict.Device("device1")
    assert x.dtype == strict.float32
    assert backend.asarray(x, device=strict.Device("device2")).device == strict.Device("device2")
    np.testing.assert_array_equal(backend.to_numpy(x), np.asarray([1.0, 2.0], np.float32))


@pytest.mark.parametrize("source", ["numpy", "array_api_strict", "torch"])
@pytest.mark.parametrize("target", ["numpy", "array_api_strict", "torch"])
def test_asarray_takes_arrays_and_dtypes_of_other_libraries(source, target):
    pytest.importorskip(source)
    pytest.importorskip(target)
    one, other = get_backend(source), get_backend(target)
    x = one.asarray([[1.5, 2.5]], dtype="float64")
    y = other.asarray(x, dtype=one.xp.float32)
    assert isinstance(y, other.array_types)
    assert y.dtype == other.xp.float32
    np.testing.assert_array_equal(other.to_numpy(y), np.asarray([[1.5, 2.5]], np.float32))


def test_an_unknown_device_lists_the_known_ones():
    with pytest.raises(RuntimeError) as caught:
        get_backend("numpy:gpu")
    assert str(caught.value) == (
        "backend 'numpy' cannot be used: it has no device 'gpu'. "
        "Remedy: name one of its devices: cpu"
    )


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("nmpy", "no backend 'nmpy'; did you mean 'numpy'? Backends with a plug-in: "),
        ("math", "no backend 'math'. Backends with a plug-in: "),
        ("no.such.library", "the group 'gpubp.backends'"),
        ("", "no backend ''. "),
    ],
)
def test_an_unknown_name_lists_the_known_ones_and_what_to_install(spec, text):
    with pytest.raises(ValueError, match=re.escape(text)) as caught:
        get_backend(spec)
    assert isinstance(caught.value, errors.UnknownBackendError)
    assert "numpy" in str(caught.value)
    assert "install a plug-in that has an entry point" in str(caught.value)


def test_a_spec_that_is_no_name_is_refused():
    with pytest.raises(
        ValueError, match="spec must be a name such as 'numpy' or a Backend, given int"
    ):
        get_backend(3)


def test_a_plugin_of_another_distribution_is_found(install):
    install("gpubp-abacus", "abacus", PLUGIN.format(name="abacus", priority=-1, usable=True))
    assert get_backend("abacus").name == "abacus"
    assert available_backends()["abacus"].usable


def test_a_backend_that_is_named_and_cannot_run_raises(install):
    install("gpubp-fan", "fan", PLUGIN.format(name="fan", priority=10, usable=False))
    with pytest.raises(RuntimeError) as caught:
        get_backend("fan")
    assert isinstance(caught.value, gpubp.errors.BackendUnavailableError)
    assert caught.value.reason == "its fan is stuck"
    assert caught.value.remedy == "free the fan"
    assert str(caught.value) == (
        "backend 'fan' cannot be used: its fan is stuck. Remedy: free the fan"
    )
    status = available_backends()["fan"]
    assert (status.usable, status.reason, status.remedy) == (
        False,
        "its fan is stuck",
        "free the fan",
    )


def test_two_distributions_that_claim_one_name_are_both_named(install):
    install("gpubp-one", "twice", PLUGIN.format(name="twice", priority=-1, usable=True))
    install("gpubp-two", "twice", PLUGIN.format(name="twice", priority=-1, usable=True))
    with pytest.raises(errors.BackendConflictError) as caught:
        get_backend("numpy")
    assert "the backend name 'twice' is claimed by two distributions" in str(caught.value)
    assert "gpubp-one (gpubp_one:Plugin)" in str(caught.value)
    assert "gpubp-two (gpubp_two:Plugin)" in str(caught.value)


def test_a_plugin_that_does_not_load_is_reported_and_breaks_no_other(install, caplog):
    install("gpubp-broken", "broken", "import no_such_module")
    with pytest.raises(RuntimeError) as caught:
        get_backend("broken")
    assert "does not load (ModuleNotFoundError: No module named 'no_such_module')" in str(
        caught.value
    )
    assert "repair or uninstall the distribution 'gpubp-broken'" in str(caught.value)
    assert not available_backends()["broken"].usable
    with caplog.at_level(logging.WARNING, "gpubp"):
        assert backend_of(np.ones(2)).name == "numpy"
    assert "its plug-in gpubp_broken:Plugin does not load" in caplog.text


def test_a_library_that_is_missing_names_what_installs_it(fresh, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(RuntimeError) as caught:
        get_backend("torch")
    assert str(caught.value) == (
        "backend 'torch' cannot be used: the library 'torch' is not installed. "
        "Remedy: pip install torch"
    )


# By default


def test_auto_takes_the_highest_priority_that_works_and_says_so(install, caplog):
    install("gpubp-fan", "fan", PLUGIN.format(name="fan", priority=900, usable=False))
    install("gpubp-abacus", "abacus", PLUGIN.format(name="abacus", priority=800, usable=True))
    with caplog.at_level(logging.INFO, "gpubp"):
        assert get_backend().name == "abacus"
        assert get_backend("auto").name == "abacus"
    said = [record.getMessage() for record in caplog.records]
    assert said == ["auto takes the backend abacus; not fan: its fan is stuck"]


def test_auto_passes_over_what_is_used_by_name_only(install):
    install("gpubp-shy", "shy", PLUGIN.format(name="shy", priority=-1, usable=True))
    assert get_backend().name != "shy"


def test_auto_without_a_usable_plugin_says_why(fresh, monkeypatch):
    monkeypatch.setattr(module, "_plugin_classes", dict)
    with pytest.raises(RuntimeError, match=r"no plug-in is usable \(none is installed\)"):
        get_backend()


def test_the_environment_names_the_default(fresh, monkeypatch):
    pytest.importorskip("array_api_strict")
    monkeypatch.setenv(module.VARIABLE, "array_api_strict:device1")
    assert get_backend() is get_backend("array_api_strict:device1")
    monkeypatch.setenv(module.VARIABLE, "nmpy")
    with pytest.raises(ValueError, match="'nmpy'"):
        get_backend()


def test_use_backend_holds_for_a_block_or_from_now_on():
    before = get_backend()
    with use_backend("numpy:cpu") as backend:
        assert get_backend() is backend is get_backend("numpy:cpu")
        inner = use_backend("numpy")  # a plain call
        assert get_backend() is get_backend("numpy")
        with use_backend("auto"):
            assert get_backend() is before
        inner.__exit__()
        assert get_backend() is backend
    assert get_backend() is before


def test_use_backend_that_fails_changes_nothing():
    before = get_backend()
    with pytest.raises(ValueError, match="'nmpy'"):
        use_backend("nmpy")
    assert get_backend() is before


def test_a_backend_of_ones_own_needs_no_entry_point():
    class Mine(Backend):
        name = "mine"

    mine = Mine()
    with use_backend(mine):
        assert get_backend() is mine
