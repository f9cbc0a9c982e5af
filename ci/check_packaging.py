"""Build the distribution and install it as users do: from the wheel, from the sdist, and editable.

    python ci/check_packaging.py [--extras]

Each install goes into a fresh virtual environment with the declared dependencies alone, and is
tried from an empty folder and from the repository's root, where `import gpubp` finds the source.
`--extras` also asks the package index whether every extra resolves (minutes, when it is slow).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BACKENDS = PROJECT["entry-points"]["gpubp.backends"]

# Runs inside each environment; the backends' own libraries are absent there, but for NumPy.
CHECK = f"""
import sys
from importlib.metadata import entry_points
from importlib.resources import files

import gpubp
import numpy as np

found = {{entry.name: entry for entry in entry_points(group="gpubp.backends")}}
assert found.keys() == set({sorted(BACKENDS)!r}), found
assert files("gpubp").joinpath("py.typed").is_file()
status = gpubp.available_backends()
assert status.keys() >= found.keys(), status
assert gpubp.get_backend("numpy").name == "numpy"
gradient = gpubp.grad(lambda x: (x * x).sum())(np.arange(3.0))
assert type(gradient) is np.ndarray and gradient.tolist() == [0.0, 2.0, 4.0], gradient
"""


def run(*command: object, cwd: Path = ROOT) -> str:
    """A command's output; when it fails, its output and the reason."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, text=True, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}in {cwd}")
    return done.stdout


def source_files() -> set[str]:
    """The packages' files under version control, as paths inside an installed distribution."""
    listed = run("git", "ls-files", "gpubp", "backends").splitlines()
    return {path.removeprefix("backends/") for path in listed}


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel built from it."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


def check_contents(sdist: Path, wheel: Path) -> None:
    """Both carry every file of the packages, and the wheel nothing else."""
    expected = source_files()
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if ".dist-info/" not in name}
    if in_wheel != expected:
        sys.exit(
            f"{wheel.name}: missing {sorted(expected - in_wheel)}, "
            f"not in the repository {sorted(in_wheel - expected)}: "
            "add it to git, or its pattern to package-data in pyproject.toml"
        )
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2].removeprefix("backends/") for name in archive.getnames()}
    if missing := expected - in_sdist:
        sys.exit(f"{sdist.name}: missing {sorted(missing)}")


def check_install(kind: str, *requirement: object) -> None:
    """Install into a fresh environment, then use the library from two folders."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "venv"
        venv.create(environment, with_pip=True)
        scripts = environment / ("Scripts" if sys.platform == "win32" else "bin")
        run(scripts / "python", "-m", "pip", "install", "--quiet", *requirement)
        run(scripts / "python", "-m", "pip", "check")
        for cwd in (Path(folder), ROOT):
            run(scripts / "python", "-c", CHECK, cwd=cwd)
            run(scripts / "gpubp", "--help", cwd=cwd)
    print(f"{kind}: installs and runs, from an empty folder and from the repository's root")


def check_extras(wheel: Path) -> None:
    for extra in PROJECT["optional-dependencies"]:
        target = f"{wheel}[{extra}]"
        run(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", target)
        print(f"extra {extra}: resolves")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extras", action="store_true", help="resolve every extra too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sdist, wheel = build(Path(folder))
        check_contents(sdist, wheel)
        check_install("wheel", wheel)
        check_install("sdist", sdist)
        check_install("editable", "--editable", ROOT)
        if options.extras:
            check_extras(wheel)


if __name__ == "__main__":
    main()
