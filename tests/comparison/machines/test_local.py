import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.patience import HANG, LASTING, wait_for
from tests.processes import is_alive, number_in

from auxhead.comparison.machines import parent_watch
from auxhead.comparison.machines.job import Job, Slot
from auxhead.comparison.machines.local import NOT_STARTED, LocalExecutor, run_in_slots, share_cores
from auxhead.errors import ConfigError, OutputError


def python(name: str, code: str, **environment: str) -> Job:
    return Job(name, (sys.executable, "-I", "-S", "-c", code), Path(name), environment)


def shell(name: str, code: str) -> Job:
    return Job(name, ("/bin/sh", "-c", code), Path(name), {})


def code_of(job: Job, slot: Slot | None = None) -> int | None:
    """Run one job, and return its exit code."""
    codes: list[int | None] = []
    run_in_slots([job], [slot or Slot()], lambda _job, state, code: codes.append(code) if state == "ended" else None)
    return codes[0]


def log(job: Job) -> str:
    return (job.folder / "log.txt").read_text()


class Told(list[tuple[str, str, int | None]]):
    def __call__(self, job: Job, state: str, code: int | None) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.append((job.name, state, code))

    @property
    def codes(self) -> dict[str, int | None]:
        return {name: code for name, state, code in self if state == "ended"}


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(params=[True, False], ids=["groups", "no groups"])
def groups(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With process groups, and without them, as on Windows."""
    if not request.param:
        for name in ("killpg", "getpgrp", "waitid", "sched_setaffinity", "sched_getaffinity"):
            monkeypatch.delattr(os, name, raising=False)
    return request.param


@pytest.fixture
def all_cores() -> Iterator[list[int]]:
    """Undo for this process what conftest.py does so that test workers don't share cores."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system can't pin")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    yield sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, before)


@pytest.fixture
def driver() -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a program that runs jobs; whatever it has started and left is killed in the end."""
    started = []

    def start(code: str) -> subprocess.Popen[str]:
        program = [sys.executable, "-c", code]
        started.append(subprocess.Popen(program, stdout=subprocess.PIPE, text=True, start_new_session=True))
        return started[-1]

    yield start
    for file in Path().glob("*.pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number_in(str(file)), signal.SIGKILL)
    for process in started:
        process.kill()
        process.communicate()


def test_jobs_run_in_order_and_their_output_is_kept(told, groups):
    first = python("first", "import sys, os; print(os.environ['GREETING'], flush=True); print('!', file=sys.stderr)")
    first = Job(first.name, first.command, Path("deep", "first"), {"GREETING": "hello"})
    second = shell("second", "pwd; exit 3")
    LocalExecutor(1).run([first, second], told)
    assert told == [
        ("first", "running", None),
        ("first", "ended", 0),
        ("second", "running", None),
        ("second", "ended", 3),
    ]
    assert log(first) == "hello\n!\n"
    assert log(second) == f"{Path.cwd()}\n"
    assert code_of(second) == 3
    assert log(second) == f"{Path.cwd()}\n" * 2


def test_as_many_run_at_once_as_there_are_slots(told):
    meet = "touch {name}.up; while [ $(ls *.up | wc -l) -lt 3 ]; do sleep 0.01; done"
    LocalExecutor(3).run([shell(name, meet.format(name=name)) for name in "abc"], told)
    assert [name for name, state, _ in told if state == "running"] == ["a", "b", "c"]
    assert told.codes == {"a": 0, "b": 0, "c": 0}

    alone = "[ -e up ] && exit 9; touch up; sleep 0.05; rm up"
    told.clear()
    LocalExecutor(None).run([shell(name, alone) for name in "abc"], told)
    assert told.codes == {"a": 0, "b": 0, "c": 0}


def test_no_job_and_no_second_job_of_a_name(told):
    LocalExecutor(2).run([], told)
    with pytest.raises(ValueError, match=r"several of a, b$"):
        LocalExecutor(2).run([shell(name, "touch ran") for name in "abbac"], told)
    assert not told
    assert not Path("ran").exists()


def test_a_program_that_is_not_there_and_one_that_a_signal_ends(told):
    jobs = [
        Job("missing", ("/nowhere/auxhead",), Path("missing"), {}),
        Job("folder", (str(Path.cwd()),), Path("folder"), {}),
        shell("killed", "kill -9 $$"),
        shell("fine", "true"),
    ]
    LocalExecutor(1).run(jobs, told)
    assert told.codes == {"missing": NOT_STARTED, "folder": NOT_STARTED, "killed": -9, "fine": 0}
    assert log(jobs[0]) == "auxhead: can't start /nowhere/auxhead: No such file or directory\n"
    assert log(jobs[1]) == f"auxhead: can't start {Path.cwd()}: Permission denied\n"


def test_nothing_that_a_job_started_outlives_it():
    job = shell("daemon", "sleep 3600 & echo $! > left.pid")
    assert code_of(job) == 0
    left = number_in("left.pid")
    wait_for(lambda: not is_alive(left))


def test_a_log_that_cannot_be_written_stops_everything(told):
    Path("bad").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match=r"where: +bad/log\.txt"):
        LocalExecutor(1).run([shell("good", "true"), shell("bad", "true"), shell("late", "touch late")], told)
    assert told.codes == {"good": 0}
    assert not Path("late").exists()


def test_an_error_in_tell_stops_everything(groups):
    jobs = [shell("long", "echo $$ > long.pid; sleep 3600"), shell("next", "true"), shell("late", "touch ran")]

    def tell(job: Job, state: str, code: int | None) -> None:
        if job.name == "next" and state == "ended":
            number_in("long.pid")
            raise RuntimeError("no terminal")

    with pytest.raises(RuntimeError, match="no terminal"):
        LocalExecutor(2, grace=0.5).run(jobs, tell)
    assert not is_alive(number_in("long.pid"))
    wait_for(lambda: not [thread.name for thread in threading.enumerate() if thread.name == "auxhead-slot-0"])


@pytest.mark.parametrize(
    ("cores", "slots", "shares"),
    [
        ([0, 1, 2, 3], 1, [(0, 1, 2, 3)]),
        ([0, 1, 2, 3], 2, [(0, 1), (2, 3)]),
        ([1, 3, 5, 7, 9], 2, [(1, 3), (5, 7)]),
        ([4, 6], 2, [(4,), (6,)]),
        ([4, 6], 3, [(4,), (6,), (4,)]),
    ],
)
def test_cores_are_shared_equally(cores, slots, shares):
    assert share_cores(cores, slots) == shares


def test_slots_are_pinned_from_the_start(told, all_cores):
    show = "grep Cpus_allowed_list /proc/self/status"
    jobs = [
        shell(name, f"{show}; touch {name}.up; while ! [ -e a.up -a -e b.up ]; do sleep 0.01; done") for name in "ab"
    ]
    LocalExecutor(2).run(jobs, told)
    found = [log(job).split()[1] for job in jobs]
    size = max(len(all_cores) // 2, 1)
    first = [str(all_cores[0]), f"{all_cores[0]}-{all_cores[size - 1]}"][size > 1]
    assert found[0] == first
    assert (found[1] != first) == (len(all_cores) > 1)
    assert os.sched_getaffinity(0) == set(all_cores), "the caller's own cores have changed"


def test_thread_counts_stand_in_where_the_system_cannot_pin(told, monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    job = shell("threads", "echo $OMP_NUM_THREADS")
    LocalExecutor(2).run([job], told)
    assert log(job) == "3\n"


def test_gpus_go_round(told, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [slot.gpu for slot in LocalExecutor(None, (0, 1)).slots] == ["0", "1"]
    assert [slot.gpu for slot in LocalExecutor(3, (0, 1)).slots] == ["0", "1", "0"]
    assert [slot.gpu for slot in LocalExecutor(2).slots] == [None, None]
    job = shell("gpu", 'echo "$CUDA_VISIBLE_DEVICES"')
    assert code_of(job, Slot(gpu="1")) == code_of(job, Slot(gpu="")) == 0
    assert log(job) == "1\n\n"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-7")
    assert [slot.gpu for slot in LocalExecutor(None, (1, 0)).slots] == ["GPU-7", "2"]
    assert code_of(job) == 0
    assert log(job) == "1\n\n2, GPU-7\n"
    for gpus, found in (((2,), "2, with CUDA_VISIBLE_DEVICES=2, GPU-7"), ((0, -1), "-1")):
        with pytest.raises(ConfigError, match="counted from 0") as caught:
            LocalExecutor(None, gpus)
        assert caught.value.found.startswith(found)


@pytest.mark.parametrize("slots", [0, -2])
def test_no_slots_are_refused(slots):
    with pytest.raises(ConfigError, match="number of slots from 1"):
        LocalExecutor(slots)


DRIVER = """
import sys
from pathlib import Path
from auxhead.comparison.machines.job import Job, Slot
from auxhead.comparison.machines.local import LocalExecutor

def job(name, code):
    return Job(name, (sys.executable, "-I", "-S", "-c", code), Path(name), {{}})

def tell(job, state, code):
    print(job.name, state, code, flush=True)

write = "import os, signal, subprocess, time; open(%r, 'w').write('%%d\\\\n' %% os.getpid()); "
polite = write % "polite.pid" + '''
try:
    time.sleep(3600)
except KeyboardInterrupt:
    print("bye")
'''
stubborn = '''
import signal, subprocess
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
open("child.pid", "w").write("%d\\\\n" % subprocess.Popen(["sleep", "3600"]).pid)
''' + write % "stubborn.pid" + "time.sleep(3600)"
jobs = [job("before", "pass"), job("polite", polite), job("stubborn", stubborn), job("late", "open('late', 'w')")]
try:
    LocalExecutor({slots}, grace={grace}).run(jobs, tell)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(("grace", "interrupts"), [(0.5, 1), (LASTING, 2)])
def test_ctrl_c_leaves_no_process(driver, grace, interrupts):
    process = driver(DRIVER.format(slots=2, grace=grace))
    running = [number_in(f"{name}.pid") for name in ("polite", "child", "stubborn")]
    process.send_signal(signal.SIGINT)
    if interrupts == 2:
        wait_for(lambda: not is_alive(running[0]))
        assert is_alive(running[2])
        process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=HANG)
    assert not any(map(is_alive, running))
    lines = output.splitlines()
    assert lines[-1] == "interrupted"
    assert sorted(lines[:-1]) == [
        "before ended 0",
        "before running None",
        "polite running None",
        "stubborn running None",
    ]
    assert interrupts == 1 or Path("polite/log.txt").read_text() == "bye\n"  # it may not make it in half a second
    assert not Path("late").exists()


def test_what_ended_before_ctrl_c_is_told(groups):
    told = Told()

    def tell(job: Job, state: str, code: int | None) -> None:
        told(job, state, code)
        if told[-1] == ("a", "running", None):
            number_in("b.pid")  # so a has ended, and nobody has listened yet
            raise KeyboardInterrupt

    jobs = [shell("a", "true"), shell("b", "echo $$ > b.pid; sleep 3600"), shell("c", "touch ran")]
    with pytest.raises(KeyboardInterrupt):
        LocalExecutor(1, grace=0.5).run(jobs, tell)
    assert told == [("a", "running", None), ("a", "ended", 0), ("b", "running", None)]
    assert not is_alive(number_in("b.pid"))
    assert not Path("ran").exists()


ORPHAN = """
import os, signal, subprocess, sys, time
from auxhead.comparison.machines.parent_watch import watch_parent
{before}
child = subprocess.Popen(["sleep", "3600"])
open("child.pid", "w").write(f"{{child.pid}}\\n")
watch_parent(interval=0.1, grace={grace})
open("orphan.pid", "w").write(f"{{os.getpid()}}\\n")
try:
    time.sleep(3600)
except KeyboardInterrupt:
    print("interrupted")
"""

LAUNCHER = """
import sys
from pathlib import Path
from auxhead.comparison.machines.job import Job, Slot
from auxhead.comparison.machines.local import run_in_slots
run_in_slots([Job("orphan", (sys.executable, "-c", {code!r}), Path("orphan"), {{}})], [Slot()], print)
"""


@pytest.mark.parametrize(
    ("before", "grace", "ending"),
    [
        ("", LASTING, "interrupted\n"),
        ("signal.signal(signal.SIGINT, signal.SIG_IGN)", 0.5, ""),
        ("del os.killpg, os.getpgrp; signal.signal(signal.SIGINT, signal.SIG_IGN)", 0.5, ""),  # as on Windows
    ],
)
def test_a_worker_ends_when_its_launcher_is_killed(driver, before, grace, ending):
    code = ORPHAN.format(before=before, grace=grace)
    process = driver(LAUNCHER.format(code=code))
    orphan, child = number_in("orphan.pid"), number_in("child.pid")
    assert is_alive(orphan)
    process.kill()
    process.wait()
    wait_for(lambda: not is_alive(orphan))
    wait_for(lambda: not is_alive(child))
    assert Path("orphan/log.txt").read_text() == ending


def test_a_launcher_may_have_died_before_anyone_watches(monkeypatch):
    process = subprocess.Popen(["true"])
    process.wait()
    code = (
        "from auxhead.comparison.machines.parent_watch import watch_parent; import time;"
        "watch_parent(grace=0.1); time.sleep(3600)"
    )
    environment = {**os.environ, parent_watch.PARENT: str(process.pid)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=HANG)
    assert done.returncode in {-signal.SIGINT, parent_watch.ORPHANED}


def test_nobody_watches_a_worker_that_was_started_by_hand(monkeypatch):
    monkeypatch.delenv(parent_watch.PARENT, raising=False)
    parent_watch.watch_parent()
    assert "auxhead-parent" not in {thread.name for thread in threading.enumerate()}


GUARDED = """
import os, subprocess, time
from auxhead.comparison.machines.parent_watch import Guard
with Guard() as guard:
    for name in ("kept", "released"):
        code = f"sleep 3600 & echo $! > {name}-child.pid; echo $$ > {name}.pid; wait"
        process = subprocess.Popen(["/bin/sh", "-c", code], start_new_session=True)
        guard.add(process.pid)
        if name == "released":
            guard.remove(process.pid)
    open("guarded.pid", "w").write(f"{os.getpid()}\\n")
    time.sleep(3600)
"""


def test_a_guard_kills_whole_groups_when_its_maker_is_killed(driver):
    process = driver(GUARDED)
    number_in("guarded.pid")
    kept, released = ([number_in(f"{name}{part}.pid") for part in ("", "-child")] for name in ("kept", "released"))
    assert all(map(is_alive, [*kept, *released]))
    process.kill()
    process.wait()
    wait_for(lambda: not any(map(is_alive, kept)))
    assert all(map(is_alive, released))
