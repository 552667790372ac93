"""Jobs of SLURM: on submitit's own stand-ins, and on commands that answer as SLURM's do; a real one was never tried."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.comparison.machines import fake_slurm
from tests.comparison.made_up import make_up
from tests.patience import LASTING, wait_for
from tests.processes import is_alive, number_in

import auxhead
from auxhead.comparison.machines.job import Job
from auxhead.comparison.machines.slurm import SlurmExecutor, _minutes
from auxhead.errors import ConfigError, MissingExtraError

pytest.importorskip("submitit")

STAY = f"echo $$ > {{0}}.pid.new; mv {{0}}.pid.new {{0}}.pid; sleep {LASTING}"


def shell(name: str, code: str, **environment: str) -> Job:
    return Job(name, ("/bin/sh", "-c", code), Path(name.replace(" test", "")), environment)


def log(job: Job) -> str:
    return (job.folder / "log.txt").read_text()


class Told(list[tuple[str, str, int | None]]):
    """What was told; a test may add what is to happen then."""

    then: Callable[[str, str], None] = staticmethod(lambda name, state: None)

    def __call__(self, job: Job, state: str, code: int | None) -> None:
        self.append((job.name, state, code))
        self.then(job.name, state)

    def of(self, name: str) -> list[object]:
        return [state if code is None else code for other, state, code in self if other == name]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of SLURM's commands; what they have left running is killed."""
    folder = tmp_path / "slurm commands"
    folder.mkdir()
    fake_slurm.install(folder)
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), os.environ["PATH"]]))
    monkeypatch.setenv("FAKE_SLURM", str(folder))
    monkeypatch.setattr("auxhead.comparison.machines.slurm.POLL", 0.05)
    import_module("submitit").SlurmJob.watcher.clear()  # it remembers jobs by their numbers, which begin anew
    yield folder
    for file in folder.glob("*.pid"):
        with suppress(ProcessLookupError):
            os.killpg(int(file.read_text()), signal.SIGKILL)


def jobs_of(slurm: Path) -> dict[str, list[str]]:
    """Return the options of sbatch of every job that was submitted."""
    return {
        file.stem: [
            line.removeprefix("#SBATCH ") for line in file.read_text().splitlines() if line.startswith("#SBATCH")
        ]
        for file in sorted(slurm.glob("*.sh"))
    }


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # submitit leaves its logs open
def test_in_this_process(told: Told) -> None:
    job = shell("a", "echo $GREETING; exit 4", GREETING="hello")
    SlurmExecutor("--time=10", cluster="debug").run([job], told)
    assert told.of("a") == ["running", 4]
    assert log(job) == "hello\n"
    assert sorted(path.name for path in Path("a").iterdir()) == ["log.txt", "slurm"]


@pytest.mark.slow
def test_in_processes_of_submitit(told: Told) -> None:
    jobs = [shell("a", "pwd; exit 3"), shell("b", "kill -9 $$")]
    SlurmExecutor("--time=10", cluster="local").run(jobs, told)
    assert (told.of("a"), told.of("b")) == (["running", 3], ["running", -9])
    assert log(jobs[0]) == f"{Path.cwd()}\n"


@pytest.mark.slow
def test_a_job_asks_for_what_was_typed(slurm: Path, told: Told) -> None:
    jobs = [shell("a", "exit 3"), shell("a test", "true"), Job("missing", ("/nowhere/x",), Path("missing"), {})]
    typed = '--partition=gpu --time=8:00:00 --account="small things" --exclusive --gres=gpu:a100:1'
    SlurmExecutor(typed, cpus=1.5, gpus=1).run(jobs, told)
    assert (told.of("a"), told.of("a test"), told.of("missing")) == (["running", 3], ["running", 0], ["running", 127])
    asked = jobs_of(slurm)
    assert len(asked) == 3
    expected = ["--partition=gpu", "--time=480", "--account='small things'", "--exclusive", "--gres=gpu:a100:1"]
    assert {*expected, "--cpus-per-task=2", "--gpus-per-node=1", "--job-name=auxhead-a"} <= set(asked["101"])
    assert "--job-name=auxhead-a-test" in asked["102"]
    (line,) = (line for line in (slurm / "101.sh").read_text().splitlines() if line.startswith("srun "))
    assert " --cpus-per-task=2 " in line


@pytest.mark.slow
def test_ctrl_c_leaves_jobs_to_slurm_and_the_next_start_watches_them(slurm: Path, told: Told) -> None:
    jobs = [
        shell("short", "until [ -e long.pid ]; do sleep 0.05; done; exit 3"),
        shell("long", "echo $$ > long.pid; until [ -e go ]; do sleep 0.05; done; exit 5"),
    ]

    def then(name: str, state: str) -> None:
        if 3 in told.of("short"):  # while the end of a job is told, which then doesn't go on
            raise KeyboardInterrupt

    told.then = then
    with pytest.raises(KeyboardInterrupt, match=r"1 jobs go on in SLURM \(102\): the same command watches") as caught:
        SlurmExecutor("--time=10").run(jobs, told)
    assert "`scancel 102` ends them" in str(caught.value)
    assert is_alive(number_in("long.pid"))

    again = Told()
    again.then = lambda name, state: Path("go").touch()
    SlurmExecutor("--time=10").run(jobs[1:], again)
    assert again.of("long") == ["running", 5]
    assert len(jobs_of(slurm)) == 2, "submitted twice"
    assert not [path for path in Path("long").iterdir() if path.name.startswith(".")]
    SlurmExecutor("--time=10").run(jobs[1:], again)  # a run that ended is another job
    assert len(jobs_of(slurm)) == 3


@pytest.mark.slow
def test_a_job_whose_time_is_up_goes_on_in_the_queue(slurm: Path, told: Told) -> None:
    code = f"[ -e again ] && exit 5; touch again; echo $AUXHEAD_PARENT > parent.pid; {STAY.format('first')}"

    def then(name: str, state: str) -> None:
        if told == [("long", "running", None)]:
            number_in("first.pid")
            os.kill(number_in("parent.pid"), signal.SIGUSR2)  # what --signal=USR2@90 does

    told.then = then
    SlurmExecutor("--time=1", retries=1).run([shell("long", code)], told)
    assert told.of("long") == ["running", "lost", "running", 5]
    assert not is_alive(number_in("first.pid"))
    assert "auxhead: attempt 2 on " in log(shell("long", ""))


@pytest.mark.slow
def test_a_job_that_is_asked_to_end_or_cancelled_has_not_failed(slurm: Path, told: Told) -> None:
    def then(name: str, state: str) -> None:
        if state == "running":
            number_in(f"{name}.pid")
            fake_slurm.scancel(slurm, "101")

    told.then = then
    job = shell("gone", STAY.format("gone"))
    SlurmExecutor("--time=10").run([job], told)
    assert told.of("gone") == ["running", -signal.SIGTERM]
    assert "auxhead: SLURM's job 101 ended as CANCELLED by 0: " in log(job)
    wait_for(lambda: not is_alive(number_in("gone.pid")))


@pytest.mark.slow
def test_a_job_that_slurm_refuses_stops_everything(slurm: Path, told: Told) -> None:
    with pytest.raises(ConfigError, match="invalid partition specified: nowhere") as caught:
        SlurmExecutor("--partition=nowhere --time=10").run([shell("a", "true")], told)
    assert "the job of a" in caught.value.where
    assert not told

    def then(name: str, state: str) -> None:
        raise RuntimeError("no terminal")

    told.then = then
    with pytest.raises(RuntimeError, match="no terminal"):
        SlurmExecutor("--time=10").run([shell("b", STAY.format("b"))], told)
    assert (slurm / "101.state").read_text() == "CANCELLED by 0"

    with pytest.raises(ConfigError, match="invalid partition"):
        SlurmExecutor("--time=10").run([shell("c", STAY.format("c")), shell("refused", "true")], Told())
    assert (slurm / "102.state").read_text() == "CANCELLED by 0"


@pytest.mark.parametrize(
    ("sbatch", "found"),
    [
        ("", "none"),
        ("--partition=gpu", "no --time beside --partition=gpu"),
        ("--time=tomorrow", "--time=tomorrow"),
        ("--time=0", "--time=0"),
        ("-p gpu --time=10", "-p: no option of the form --name=value"),
        ("--partition gpu --time=10", "gpu: no option"),
        ("--time=10 --array=1-4", "--array=1-4: a comparison sets it"),
        ("--time=10 '", "No closing quotation"),
    ],
)
def test_wrong_options_are_named_before_anything_runs(sbatch: str, found: str) -> None:
    with pytest.raises(ConfigError, match="such as --time=8:00:00") as caught:
        SlurmExecutor(sbatch, cluster="debug")
    assert found in caught.value.found


def test_half_a_gpu_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"gpus=0\.5"):
        SlurmExecutor("--time=10", gpus=0.5, cluster="debug")


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [("90", 90), ("1:30", 2), ("8:00:00", 480), ("0:0:30", 1), ("1-12", 2160), ("1-0:30", 1470), ("1-0:30:00", 1470)],
)
def test_times_are_read_as_slurm_reads_them(typed: str, minutes: int) -> None:
    assert _minutes(typed) == minutes


def words(signs: Path) -> list[str]:
    return ["compare", f"data={signs}", "arms=plain,p2", "seeds=0", "executor=slurm", "sbatch=--time=10"]


@pytest.mark.parametrize(
    ("missing", "said"),
    [("submitit", 'pip install "auxhead[slurm]"'), ("sbatch", "start this on a login node")],
)
def test_what_is_missing_is_said_before_anything_is_written(
    missing: str, said: str, signs: Path, tmp_path: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing == "submitit":
        monkeypatch.setitem(sys.modules, "submitit", None)
    monkeypatch.setenv("PATH", "")
    done = call(*words(signs))
    assert done.returncode == 2
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []
    kind: type[Exception] = MissingExtraError if missing == "submitit" else ConfigError
    with pytest.raises(kind):
        SlurmExecutor("--time=10")


def test_ctrl_c_says_what_goes_on(signs: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_up(signs, monkeypatch)

    def run(*_: object) -> None:
        raise KeyboardInterrupt("2 jobs go on in SLURM: 7 8")

    monkeypatch.setattr(made, "run", run)
    done = call(*words(signs), "model=yolov8n.yaml", "epochs=1", "imgsz=64")
    assert done.returncode == 130
    assert "0 of 2 runs are finished, 2 jobs go on in SLURM: 7 8" in done.stderr


def test_a_dry_run_uses_a_place_that_all_machines_see(signs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_up(signs, monkeypatch)
    module = import_module("auxhead.comparison.estimate")
    places: list[Path] = []

    def estimate(_plan: object, scratch: Path, *_: object) -> Any:
        places.append(scratch.parent)
        return module.Estimate(1.0, 2.0, {"plain": 1.0, "p2": 1.0}, {"plain": 1.0, "p2": 1.0}, 3.0)

    monkeypatch.setattr(module, "estimate", estimate)
    keys: dict[str, Any] = {"data": str(signs), "arms": ["plain", "p2"], "imgsz": 64, "dry_run": True}
    auxhead.compare(**keys, executor="slurm", sbatch="--time=10", out="deep/out")
    auxhead.compare(**keys)
    assert places[0] == Path.cwd()
    assert places[1] != Path.cwd()
    assert list(Path().iterdir()) == []
