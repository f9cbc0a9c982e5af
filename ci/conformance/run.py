"""Run data-apis/array-api-tests against the namespace of traced arrays.

    python ci/conformance/run.py CHECKOUT [pytest's arguments]

CHECKOUT (or the environment variable ARRAY_API_TESTS) is a clone of the suite with its submodule,
at the commit below; the suite needs `pip install pytest hypothesis ndindex pytest-json-report`.
The closing line counts what passed, what failed, and what failed as `xfails.txt` says.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMMIT = "55fcc60179efa2680ddd6cd926ddf17b83530e2b"
STANDARD = "2025.12"
CLONE = f"""\
git clone https://github.com/data-apis/array-api-tests CHECKOUT
git -C CHECKOUT checkout {COMMIT}
git -C CHECKOUT submodule update --init"""


def checkout_commit(path: Path) -> str | None:
    """The commit of the clone at ``path``; None for a plain copy of the files."""
    if not (path / ".git").exists():
        return None
    command = ["git", "-C", str(path), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main(arguments: list[str]) -> int:
    """Run the suite; the exit status is pytest's, 2 where there is no usable checkout."""
    if "ARRAY_API_TESTS" in os.environ:
        arguments = [os.environ["ARRAY_API_TESTS"], *arguments]
    path = Path(arguments[0]) if arguments else None
    if path is None or not (path / "array_api_tests").is_dir() or not any(path.glob("array-api/*")):
        print(
            f"conformance: {path} is no clone of the suite with its submodule; make one:\n{CLONE}"
        )
        return 2
    commit = checkout_commit(path)
    if commit not in (None, COMMIT):
        print(f"conformance: {path} is at {commit}, the list of failures is for {COMMIT}:\n{CLONE}")
        return 2
    environment = os.environ | {
        "ARRAY_API_TESTS_MODULE": "traced_numpy",
        "ARRAY_API_TESTS_VERSION": STANDARD,
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
    }
    options = ["-q", "-rxX", "-p", "no:cacheprovider", "--disable-deadline", "--tb=short"]
    options += ["--xfails-file", str(HERE / "xfails.txt"), "--max-examples", "20"]
    command = [sys.executable, "-m", "pytest", "array_api_tests", *options, *arguments[1:]]
    return subprocess.run(command, cwd=path, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
