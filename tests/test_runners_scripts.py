"""Workers of a script: what they import, what they refuse, and that they end with their driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from watched_processes import lives, run_python, until

# No guard: whatever imported this script again would print the first line again.
PLAIN = """
print("once")
from corollary.runners import processes
from beside import double
print(sorted(processes.run(double, [1, 2, 3], workers=2)))
"""


def test_a_plain_script_needs_no_guard(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("def double(number): return 2 * number")
    script = tmp_path / "script.py"
    script.write_text(PLAIN)
    assert run_python(script, cwd=tmp_path.parent) == (0, "once\n[(1, 2), (2, 4), (3, 6)]\n", "")


@pytest.mark.parametrize("what", ["run(work, [1])", "run(abs, [Job()])", "run(lambda job: job, [1])"])
def test_what_a_script_defines_itself_must_go_into_a_file(tmp_path: Path, what: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from corollary.runners.processes import run\n"
        "from corollary.errors import UserError\n"
        "class Job: pass\n"
        "def work(job): return job\n"
        f"try: list({what})\n"
        "except UserError as error: print(error)\n"
    )
    code, output, errors = run_python(script, cwd=tmp_path)
    assert (code, errors) == (0, "")
    assert "is defined in the script that you run" in output
    assert "move it into a file of its own" in output
    assert output.count("\n") == 1


SHADOWS = """array collections contextlib copyreg enum fcntl functools importlib io keyword locale math msvcrt
multiprocessing operator os pickle queue re reprlib select selectors signal socket struct subprocess threading
traceback types typing warnings weakref torch""".split()
"""Modules that workers import early. A file of such a name often lies beside a study."""


def test_workers_import_nothing_from_the_current_folder(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    for name in SHADOWS:
        (here / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write('{name} ')")
    script = tmp_path / "script.py"
    script.write_text("import math\nfrom corollary.runners import processes\n")
    script.write_text(script.read_text() + "print(list(processes.run(math.sqrt, [9.0], workers=1)))\n")
    assert run_python(script, cwd=here) == (0, "[(9.0, 3.0)]\n", "")
    assert not (tmp_path / "executed").exists()


PATHS = """
import os, sys
sys.path.insert(0, "added")
from corollary.runners import processes
import paths
[(_, (folders, main))] = processes.run(paths.of_worker, [1], workers=1)
print(folders.index(os.path.abspath("added")), os.getcwd() in folders, os.path.basename(folders[-1]))
print(main)
"""


@pytest.mark.parametrize("how", ["script", "module", "command"])
def test_workers_have_the_folders_of_their_driver_but_not_the_current_one(tmp_path: Path, how: str) -> None:
    source, here = tmp_path / "source", tmp_path / "here"
    source.mkdir()
    here.mkdir()
    (here / "added").mkdir()
    (source / "driver.py").write_text(PATHS)
    (here / "added" / "paths.py").write_text(
        "import sys\ndef of_worker(_): return sys.path, getattr(sys.modules['__main__'], '__file__', None)"
    )
    start = {
        "script": [str(source / "driver.py")],
        "module": ["-m", "driver"],
        "command": ["-c", "import driver"],
    }[how]
    code, output, errors = run_python(*start, cwd=here, path=source)
    assert (code, errors) == (0, "")
    first, main = output.splitlines()
    assert first.startswith("0 False ")
    assert first.endswith(" source") == (how == "script"), "the folder of a script goes last"
    assert main == "None", "no script is imported"


DRIVER = """
import sys
sys.path.insert(0, {tests!r})
from corollary.runners.processes import run
from watched_processes import sleep_long
try:
    list(run(sleep_long, [sys.argv[1]] * 2, workers=2))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_workers_end_with_their_driver(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    folder = tmp_path / "ids"
    folder.mkdir()
    script = tmp_path / "driver.py"
    script.write_text(DRIVER.format(tests=str(Path(__file__).parent)))
    # In a group of its own, which ctrl-C reaches as a whole, as in a terminal.
    driver = subprocess.Popen(
        [sys.executable, str(script), str(folder)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert driver.stderr is not None
    until(lambda: len(os.listdir(folder)) == 2)
    workers = [int(name) for name in os.listdir(folder)]
    if sent is signal.SIGINT:
        os.killpg(driver.pid, sent)
    else:
        driver.send_signal(sent)
    assert driver.wait(30) == code
    until(lambda: not any(lives(worker) for worker in workers))
    assert driver.stderr.read() == "", "no worker prints a traceback"
    driver.stderr.close()
