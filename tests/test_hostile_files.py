"""Files of strangers: whatever command opens them, no code of theirs runs, and the message says what to do."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ultralytics.nn import tasks
from ultralytics.nn.tasks import DetectionModel, PoseModel
from ultralytics.utils import ROOT, YAML

from auxhead import TrainResult
from auxhead.comparison import worker
from auxhead.errors import DataError
from auxhead.host import datasets
from auxhead.host.checkpoint import SAFE_LOAD, restricted
from auxhead.host.datasets import load_cache, read_data
from auxhead.labels.label_cache import read_label_cache

Call = Callable[..., Any]


class Payload:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.mark,)


@pytest.fixture(scope="module")
def mark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the payloads would leave a mark."""
    return tmp_path_factory.mktemp("marks") / "mark"


@pytest.fixture(autouse=True)
def unmarked(mark: Path) -> Iterator[None]:
    """Nothing leaves a mark."""
    yield
    assert not mark.exists()


def model(kind: type[DetectionModel], yaml: Path) -> DetectionModel:
    made = kind(str(yaml), nc=6, verbose=False)
    made.args = {"task": "pose" if kind is PoseModel else "detect", "imgsz": 64}
    return made


@pytest.fixture(scope="module", params=[2, 4])
def files(
    request: pytest.FixtureRequest, small_models: Path, mark: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Checkpoints of a detector and of a pose model, and a YAML, that carry a payload."""
    folder = tmp_path_factory.mktemp("files")
    for name, kind in {"small": DetectionModel, "small-pose": PoseModel}.items():
        made = model(kind, small_models / f"{name}.yaml")
        content = {"model": made, "train_args": made.args, "epoch": 1, "optimizer": {}, "extra": Payload(mark)}
        torch.save(content, folder / f"{name}.pt", pickle_protocol=request.param)
    text = (small_models / "small.yaml").read_text()
    (folder / "evil.yaml").write_text(f"{text}\nactivation: __import__('os').mkdir({str(mark)!r})\n")
    return {"detector": folder / "small.pt", "pose": folder / "small-pose.pt", "yaml": folder / "evil.yaml"}


COMMANDS = {
    "train": ["train", "model={detector}", "data={data}"],
    "train, dry run": ["train", "model={detector}", "data={data}", "--dry-run"],
    "pretrained": ["train", "model={clean}", "pretrained={detector}", "data={data}"],
    "pretrained, dry run": ["train", "model={clean}", "pretrained={detector}", "data={data}", "--dry-run"],
    "route": ["train", "route=pose", "model={pose}", "data={data}"],
    "route, dry run": ["train", "route=pose", "model={pose}", "data={data}", "--dry-run"],
    "strip": ["strip", "{pose}"],
    "strip, data": ["strip", "{pose}", "data={data}"],
    "cost": ["cost", "{detector}"],
    "cost, time": ["cost", "{detector}", "latency=true"],
    "evaluate": ["evaluate", "model={detector}", "data={data}"],
    "teacher check": ["teacher", "check", "{detector}", "model={detector}", "data={data}"],
    "versus": ["evaluate", "model={detector}", "versus={detector}", "data={data}"],
    "design": ["design", "like={detector}", "data={data}", "price=gflops"],
}


@pytest.mark.core
@pytest.mark.parametrize("files", [2], indirect=True)  # protocol 4, which hides names from a scan: in the tests below
@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_runs_the_code_of_a_checkpoint(
    name: str, files: dict[str, Path], quick: dict[str, Any], call: Call, tmp_path: Path
) -> None:
    values = {**files, "data": quick["data"], "clean": quick["model"]}
    told = call(*(word.format(**values) for word in COMMANDS[name]))
    assert told.returncode == 2, told.stderr
    assert "Traceback" not in told.stderr
    assert "code" in told.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["train", "model={yaml}", "data={data}"],
        ["train", "model={yaml}", "data={data}", "--dry-run"],
        ["cost", "{yaml}"],
        ["design", "like={yaml}", "data={data}", "price=gflops"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("files", [2], indirect=True)
def test_no_command_runs_the_code_of_a_models_yaml(
    words: list[str], files: dict[str, Path], quick: dict[str, Any], call: Call
) -> None:
    told = call(*(word.format(yaml=files["yaml"], data=quick["data"]) for word in words))
    assert told.returncode == 2, told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("files", [2, 4], indirect=True)
def test_no_resume_runs_the_code_of_a_run(
    files: dict[str, Path], quick: dict[str, Any], mark: Path, call: Call, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    (run / "weights").mkdir(parents=True)
    plan: dict[str, Any] = {
        "heads": {},
        "select": "mAP50-95",
        "on_error": "fail",
        "cpu_bf16": None,
        "trust": True,
        "source": None,
    }
    (run / "args.yaml").write_text(json.dumps({**quick, "model": str(files["detector"])}))

    def told(**changes: Any) -> str:
        (run / "auxhead.json").write_text(json.dumps({**plan, **changes}))
        found = call("train", f"resume={run}")
        assert (found.returncode, "Traceback" in found.stderr) == (2, False), found.stderr
        return str(found.stderr)

    assert "trust=true" in told(route="native")  # no epoch was finished: it would start over, from this model
    torch.save({"auxhead": {"head_state": {}}, "epoch": 0, "x": Payload(mark)}, run / "weights" / "last.state.pt")
    assert "last.state.pt" in told(route="native")
    shutil.copy(files["pose"], run / "weights" / "last.pt")
    assert "last.pt" in told(route="pose", labels={}, source=quick["data"])


@pytest.mark.parametrize("files", [2], indirect=True)
def test_no_worker_of_a_comparison_runs_the_code_of_a_checkpoint(
    files: dict[str, Path], quick: dict[str, Any], tmp_path: Path
) -> None:
    keys = {**quick, "model": str(files["detector"]), "heads": "none"}
    task = {"arm": "plain", "seed": 0, "hash": "a", "command": "", "keys": keys, "measured": {}, "plan": "plan"}
    (tmp_path / "plain-0").mkdir()
    (tmp_path / "plain-0" / "run.json").write_text(json.dumps(task))
    assert worker.main([str(tmp_path / "plain-0")]) == 1
    assert "mkdir" in json.loads((tmp_path / "plain-0" / "result.json").read_text())["reason"]


@pytest.mark.core
@pytest.mark.parametrize(
    "words",
    [["train", "model={model}", "epochs=1", "plots=false", "val=false"], ["evaluate", "model={model}"]],
    ids=" ".join,
)
def test_no_command_runs_the_code_of_a_cache_of_labels(
    words: list[str],
    signs: Path,
    quick: dict[str, Any],
    mark: Path,
    call: Call,
    tmp_path: Path,
) -> None:
    data = tmp_path / "signs"
    shutil.copytree(signs.parent, data, ignore=shutil.ignore_patterns("*.cache"))
    (data / "data.yaml").write_text(signs.read_text().replace(str(signs.parent), str(data)))
    for split in ("train", "val"):
        with (data / "labels" / f"{split}.cache").open("wb") as file:
            np.save(file, np.array({"labels": Payload(mark)}, dtype=object))
    made = model(DetectionModel, Path(quick["model"]))
    made.names = {0: "a"} if words[0] == "train" else dict(enumerate(names(signs)))
    torch.save({"model": made, "train_args": made.args}, tmp_path / "small.pt")
    values = {"model": quick["model"] if words[0] == "train" else tmp_path / "small.pt"}
    place = f"project={tmp_path}" if words[0] == "train" else f"out={tmp_path / 'out'}"
    told = call(*(word.format(**values) for word in words), f"data={data / 'data.yaml'}", "imgsz=64", place)
    assert told.returncode == 0, told.stderr
    assert len(read_label_cache(data / "labels" / "val.cache")["labels"]) == 4  # written anew


DATA_COMMANDS = {
    "inspect": ["inspect"],
    "train": ["train", "model={clean}"],
    "train, dry run": ["train", "model={clean}", "--dry-run"],
    "train, trusted": ["train", "model={clean}", "trust=true"],
    "route": ["train", "model=yolov8n-pose.yaml", "route=pose"],
    "convert": ["convert", "to=pose", "out=converted"],
    "design": ["design", "like={clean}", "price=gflops"],
    "compare": ["compare", "model={clean}", "arms=plain,plain-noflip", "--dry-run"],
    "evaluate": ["evaluate", "model={detector}"],
    "teacher check": ["teacher", "check", "{detector}", "model={detector}"],
}


@pytest.fixture(params=["python", "shell"])
def fetching(request: pytest.FixtureRequest, mark: Path, tmp_path: Path) -> Path:
    """A data.yaml that says how to fetch its images, which are not there."""
    ways = {"python": f"import os\nos.mkdir({str(mark)!r})\n", "shell": f"bash {tmp_path / 'fetch.sh'}"}
    (tmp_path / "fetch.sh").write_text(f"mkdir {mark}\n")
    content = {"path": ".", "train": "images/train", "val": "images/val", "names": ["a"]}
    (tmp_path / "data.yaml").write_text(json.dumps({**content, "download": ways[request.param]}))
    return tmp_path / "data.yaml"


@pytest.mark.parametrize("fetching", ["python"], indirect=True)
@pytest.mark.parametrize("name", DATA_COMMANDS)
def test_no_command_runs_the_code_of_a_data_yaml(
    name: str, fetching: Path, quick: dict[str, Any], trained: TrainResult, call: Call
) -> None:
    values = {"clean": quick["model"], "detector": trained.best}
    told = call(*(word.format(**values) for word in DATA_COMMANDS[name]), f"data={fetching}")
    assert told.returncode == 2, told.stderr
    assert "Traceback" not in told.stderr
    assert "images/val" in told.stderr


@pytest.mark.core
def test_the_code_of_a_data_yaml_is_not_run_however_it_is_named(
    fetching: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fetching.parent)
    for named in (str(fetching), "data.yaml", "data", " data.yaml", "."):
        with pytest.raises(DataError, match="images not found") as told:
            read_data(named)
        assert ("`download:` is code, which is not run here" in told.value.fix) == (named == named.strip())


def test_addresses_of_archives_and_ultralytics_own_files_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(datasets, "check_det_dataset", lambda *_, autodownload, **__: asked.append(autodownload))
    for own in sorted((ROOT / "cfg" / "datasets").glob("*.yaml")):
        copy = Path(shutil.copy(own, tmp_path))
        for data in (own, copy):
            with pytest.raises(TypeError):  # nothing was read
                read_data(str(data))
        code = not str(YAML.load(own).get("download") or "https://a/a.zip").startswith("https://")
        assert asked[-2:] == [True, not code], own
    assert False in asked


def names(data: Path) -> list[str]:
    return list(YAML.load(data)["names"].values())


def test_a_cache_of_labels_is_read_as_ultralytics_wrote_it(signs: Path) -> None:
    from ultralytics.data.utils import load_dataset_cache_file, save_dataset_cache_file

    rows = {"cls": np.zeros((2, 1), np.float32), "shape": (64, 64), "im_file": "ä.png", "mean": np.float64(0.5)}
    path = signs.parent / "own.cache"
    save_dataset_cache_file("", path, {"labels": [rows], "hash": "a", "results": (1, 0, 0, 0, 1), "msgs": []}, "1")
    assert str(read_label_cache(path)) == str(load_dataset_cache_file(path))
    path.unlink()


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00v\x00{}", None])
def test_what_is_no_cache_of_labels_counts_as_absent(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("auxhead.host.datasets.LOGGER.warning", said.append)
    path = tmp_path / "labels.cache"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileNotFoundError):
        load_cache(path)
    assert [line.startswith(f"{path}: not used, and written anew") for line in said] == [True] * (content is not None)


def test_what_is_held_back_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SAFE_LOAD, raising=False)
    for trust in (False, True):
        with restricted(trust=trust):
            assert (tasks._SafeLoad.restricted(), SAFE_LOAD in os.environ) == (not trust, not trust)
            with restricted():
                assert tasks._SafeLoad.restricted() != trust
        assert (tasks.SAFE_LOAD, SAFE_LOAD in os.environ) == (False, False)


ESCAPES = "\x1b]0;owned\x07\x1b[2J"
"""What names a terminal's window, rings, and clears its screen."""


@pytest.fixture
def escaping(signs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set whose classes and bad label rows hold commands to a terminal."""
    folder = tmp_path / "signs"
    shutil.copytree(signs.parent, folder, ignore=shutil.ignore_patterns("*.cache"))
    names = [f"stop{ESCAPES}{number}" for number in range(6)]
    (folder / "data.yaml").write_text(json.dumps({"train": "images/train", "val": "images/val", "names": names}))
    label = min((folder / "labels" / "train").iterdir())
    label.write_text(f"0 0.5 0.5 0.1 0.1\n{ESCAPES} 0.5 0.5 0.1 0.1\n")
    monkeypatch.chdir(tmp_path)
    return folder / "data.yaml"


def test_no_command_passes_commands_to_the_terminal_or_into_a_csv(
    call: Call, escaping: Path, small_models: Path, tmp_path: Path
) -> None:
    data, small = f"data={escaping}", f"model={small_models / 'small.yaml'}"
    lines = {
        "inspect": [data, "imgsz=64", "out=looked"],
        "convert": [data, "out=converted", "labels=pose"],
        "train": [data, small, "epochs=1", "imgsz=64", f"project={tmp_path / 'runs'}"],
        "design": [data, "like=yolov8n.yaml", "imgsz=64", "price=gflops"],
        "strip": [f"{ESCAPES}.pt"],
        "cost": [f"{ESCAPES}.pt"],
        "compare": [data, small, f"arms=plain,{ESCAPES}"],
        "report": [f"{ESCAPES}"],
        "evaluate": [data, f"model={ESCAPES}.pt"],
    }
    for command, words in lines.items():
        done = call(command, *words)
        assert "\x1b" not in done.stdout + done.stderr, command
        assert "\x07" not in done.stdout + done.stderr, command
        assert done.stdout + done.stderr, command
    tables = list(tmp_path.rglob("*.csv"))
    assert any("stop" in path.read_text() or "0.5 0.5" in path.read_text() for path in tables)
    assert not [path for path in tables if b"\x1b" in path.read_bytes()]
