"""The commands of SLURM, as far as submitit calls them, for one machine: jobs are processes, and run at once.

`fake_slurm.py COMMAND ...` is what `sbatch`, `srun`, `sacct`, `scancel` and `scontrol` of a test are; files in the
folder FAKE_SLURM say what has become of a job.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

COMMANDS = ("sbatch", "srun", "sacct", "scancel", "scontrol")


def install(folder: Path) -> None:
    """Write the commands into a folder, to be put in front of PATH; jobs are kept there, too."""
    for name in COMMANDS:
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {Path(__file__).resolve()} {name} "$@"\n')
        script.chmod(0o755)


def sbatch(place: Path, file: str) -> None:
    """Start a job and print its number; --partition=nowhere is refused, and so is a job called refused."""
    text = Path(file).read_text()
    if "--partition=nowhere" in text or "--job-name=auxhead-refused" in text:
        sys.exit("sbatch: error: invalid partition specified: nowhere")
    number = str(101 + len(list(place.glob("*.sh"))))
    (place / f"{number}.sh").write_text(text)
    line = [sys.executable, "-I", "-S", __file__, "keep", number]
    null = subprocess.DEVNULL
    process = subprocess.Popen(line, start_new_session=True, stdin=null, stdout=null, stderr=null)
    (place / f"{number}.pid").write_text(str(process.pid))
    print(f"Submitted batch job {number}")


def keep(place: Path, number: str) -> None:
    """Run a job, and again as long as it is put back into the queue."""
    while True:
        environment = {**os.environ, "SLURM_JOB_ID": number}
        done = subprocess.run(["/bin/bash", str(place / f"{number}.sh")], env=environment, check=False)
        if not (place / f"{number}.requeue").is_file():
            break
        (place / f"{number}.requeue").unlink()
    (place / f"{number}.state").write_text("FAILED" if done.returncode else "COMPLETED")


def srun(_place: Path, *words: str) -> None:
    """Become the command."""
    rest = list(words)
    while rest[0].startswith("-"):
        del rest[: 2 if rest[0] in {"--output", "--error"} else 1]
    os.execvp(rest[0], rest)


def sacct(place: Path, *words: str) -> None:
    """Say what has become of jobs."""
    print("JobID|State|NodeList")
    for number in (word for word in words if word.isdecimal()):
        state = place / f"{number}.state"
        print(f"{number}|{state.read_text() if state.is_file() else 'RUNNING'}|here")


def scancel(place: Path, number: str) -> None:
    """Kill a job."""
    (place / f"{number}.state").write_text("CANCELLED by 0")
    with suppress(ProcessLookupError):
        os.killpg(int((place / f"{number}.pid").read_text()), signal.SIGKILL)


def scontrol(place: Path, _requeue: str, number: str) -> None:
    """Put a job back into the queue."""
    (place / f"{number}.requeue").touch()


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(os.environ["FAKE_SLURM"]), *sys.argv[2:])
