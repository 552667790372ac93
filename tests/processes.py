"""Processes that tests start and look after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.patience import HANG, LASTING, wait_for

STUCK = f"""
import time
import auxhead.files

write = auxhead.files.write_atomic

def write_once(path, content):
    if path.name == "last.state.pt" and path.exists():
        time.sleep({LASTING})
    write(path, content)

auxhead.files.write_atomic = write_once
"""


def stuck_trainings(folder: Path) -> dict[str, str]:
    """Return an environment in which a training of several epochs waits in its second one, to be stopped there.

    It can't end by itself, however late the signal comes: Python runs a `sitecustomize` before anything else.
    """
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(STUCK)
    known = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *known])}


SERVER = """
import json, os, sys
from multiprocessing import get_context
import torch, torchvision  # once for all of them; Ultralytics keeps the streams it finds on its first import
from auxhead.cli.app import main

def run(words, folder, added, streams):
    for number, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR), number)
    os.chdir(folder)
    os.environ.update(added)
    sys.argv = ["auxhead", *words]
    main()

for line in sys.stdin:
    process = get_context("fork").Process(target=run, args=json.loads(line))  # ends without taking torch apart
    process.start()
    process.join()
    print(process.exitcode, flush=True)
"""


class Forks:
    """Commands as processes of their own, forked from one that has loaded torch: that takes longer than most of them.

    Each has its own folder, environment, and streams, which take UTF-8 only.
    """

    def __init__(self) -> None:
        """Start the process that is forked."""
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
        line = [sys.executable, "-c", SERVER]
        self._server = subprocess.Popen(line, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, *words: str, place: Path | None = None, **added: str) -> subprocess.CompletedProcess[str]:
        """Run a command, in a folder if one is given, and with variables added to its environment."""
        with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as error:
            asked = [words, str(place or Path.cwd()), added, [os.devnull, out.name, error.name]]
            print(json.dumps(asked), file=self._server.stdin, flush=True)
            code = int(self._server.stdout.readline())
            return subprocess.CompletedProcess(words, code, *(file.read().decode() for file in (out, error)))

    def end(self) -> None:
        """End the process that is forked."""
        self._server.communicate(timeout=HANG)


def number_in(path: str) -> int:
    """Wait for a number that a process writes into a file, its process id for instance."""
    wait_for(lambda: Path(path).is_file() and Path(path).read_text().endswith("\n"))
    return int(Path(path).read_text())


def is_alive(process: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
