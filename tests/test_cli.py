"""The command line's own part: what holds for every sub-command."""

import subprocess
import sys

import pytest

import gpubp
from gpubp.cli import main


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "gpubp: the following arguments are required: COMMAND; see gpubp --help"),
        (["inf"], "gpubp: there is no command 'inf'; did you mean 'info'?"),
        (["xyz"], "gpubp: there is no command 'xyz'; see gpubp --help"),
        (["info", "x"], "gpubp info: there is no argument 'x'; see gpubp info --help"),
        (
            ["train", "--epoch=1"],
            "gpubp train: there is no argument '--epoch'; did you mean '--epochs'?",
        ),
    ],
)
def test_a_mistake_is_one_line_with_a_remedy_and_status_2(argv, said, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert capsys.readouterr().err == said + "\n"


def test_python_m_is_the_command():
    run = subprocess.run([sys.executable, "-m", "gpubp", "--version"], capture_output=True)
    assert (run.returncode, run.stdout.decode()) == (0, f"gpubp {gpubp.__version__}\n")


def test_help_loads_no_command():
    code = (
        "import sys, gpubp.cli as c\n"
        "try: c.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('numpy', 'rich', 'gpubp.info', 'gpubp.train') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip().endswith("[]")
    assert "info" in run.stdout
