"""Names of files that are no UTF-8 text, or too long for the system: every command works, or says so in one message.

Commands run in processes of their own: what they print can't be sent between pytest's workers.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from tests.findings.ledger_maker import make_ledger
from tests.processes import Forks
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import YAML

from auxhead.demonstration.sign_dataset import make_signs

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere"),
    pytest.mark.slow,  # two dozen commands in processes of their own
]

ODD = os.fsdecode(b"caf\xe9")
TOLD = r"caf\udce9"
LONG = "n" * 260
TRAINING = ["epochs=1", "imgsz=64", "batch=4", "device=cpu", "plots=false", "workers=0"]


@pytest.fixture(scope="module")
def place(small_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Below a folder of an odd name: a data set of odd names, and a model of one; beside it, both with plain ones.

    The images of the plain data set have odd names, too, and one of them lies in a folder of one.
    """
    place = tmp_path_factory.mktemp("names")
    make_signs(place / "signs", train=8, val=4, size=64)
    for split in ("train", "val"):
        for kind, ending in (("images", "jpg"), ("labels", "txt")):
            folder = place / "signs" / kind / split
            (folder / ODD).mkdir()
            for number, file in enumerate(sorted(folder.glob(f"*.{ending}"))):
                file.rename((folder if number else folder / ODD) / f"{ODD}{file.name}")
    made: Any = DetectionModel(str(small_models / "small.yaml"), nc=6, verbose=False)
    made.names = YAML.load(place / "signs" / "data.yaml")["names"]
    torch.save({"model": made, "train_args": {"task": "detect", "imgsz": 64}}, place / "small.pt")
    shutil.copy(small_models / "small.yaml", place / "small.yaml")
    (place / ODD).mkdir()
    shutil.copytree(place / "signs", place / ODD / ODD)
    shutil.copy(place / "small.pt", place / ODD / f"{ODD}.pt")
    content = (place / "signs" / "data.yaml").read_text().splitlines()
    (place / ODD / ODD / f"{ODD}.yaml").write_text("\n".join(line for line in content if not line.startswith("path")))
    return place


WORKS = {
    "inspect": ["inspect", "data={data}", "imgsz=64", "out={odd}/inspected"],
    "convert": ["convert", "data={data}", "to=pose", "out={odd}/converted"],
    "evaluate": ["evaluate", "data={data}", "model={pt}", "versus=small.pt", "imgsz=64", "out={odd}/measured"],
    "cost": ["cost", "{pt}"],
    "strip": ["strip", "{pt}"],
    "design": ["design", "data={data}", "like=yolov8n.yaml", "imgsz=64", "price=gflops"],
    "train": ["train", "data=signs/data.yaml", "model=small.yaml", *TRAINING, "project={place}/runs", "name=run"],
}


@pytest.mark.parametrize("name", WORKS)
def test_names_that_are_no_text_are_names(name: str, place: Path, forks: Forks) -> None:
    odd = place / ODD
    values = {"data": odd / ODD / f"{ODD}.yaml", "odd": odd, "pt": odd / f"{ODD}.pt", "place": place}
    done = forks.run(*(word.format(**values) for word in WORKS[name]), place=place)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    if name == "evaluate":
        images = set(pl.read_parquet(BytesIO((odd / "measured" / "per_image.parquet").read_bytes()))["image"])
        assert any(TOLD in image for image in images)
        assert json.loads((odd / "measured" / "metrics.json").read_text())["detectors"][0]["name"] == ODD


COMPARE = ["compare", "arms=plain,center", "seeds=0", "model=small.yaml"]
REFUSED = {
    "train": (["train", "data={data}", "model={pt}", f"name={ODD}", *TRAINING], ["data=", "model=", "name="]),
    "train, dry run": (["train", "data={data}", "model=small.yaml", "--dry-run"], ["data="]),
    "train, place": (["train", "data=signs/data.yaml", "model=small.yaml", "project={odd}/runs"], ["project="]),
    "compare": ([*COMPARE, "data={data}", "out=compared"], []),
    "compare, place": ([*COMPARE, "data=signs/data.yaml", "out={odd}/compared"], []),
    "design, place": (["design", "data=signs/data.yaml", "like=yolov8n.yaml", "price=gflops", "out={odd}/d"], []),
    "demo": (["demo", "out={odd}/demo"], []),
    "missing": (["strip", "{odd}/none.pt"], []),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_files_in_utf8_have_to_hold_is_refused_in_one_message(name: str, place: Path, forks: Forks) -> None:
    odd = place / ODD
    before = sorted(place.rglob("*"))
    words, keys = REFUSED[name]
    values = {"data": odd / ODD / f"{ODD}.yaml", "odd": odd, "pt": odd / f"{ODD}.pt"}
    done = forks.run(*(word.format(**values) for word in words), place=place)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("expected:") == 1
    assert TOLD in done.stderr or name == "missing"
    assert all(f"{key}{place}/{TOLD}" in done.stderr or f"{key}{TOLD}" in done.stderr for key in keys)
    assert sorted(place.rglob("*")) == before


def test_a_bad_image_of_an_odd_name_is_told_where_streams_take_text_only(place: Path, forks: Forks) -> None:
    data = place / "bad"
    shutil.copytree(place / "signs", data, ignore=shutil.ignore_patterns("*.cache"))
    YAML.save(data / "data.yaml", {**YAML.load(place / "signs" / "data.yaml"), "path": str(data)})
    (data / "images" / "train" / f"{ODD}.png").write_bytes(b"no image")
    words = ["train", f"data={data / 'data.yaml'}", "model=small.yaml", "--dry-run"]
    skipped = forks.run(*words, "on_error=skip", place=place)
    assert skipped.returncode == 0, skipped.stderr
    refused = forks.run(*words, place=place)
    assert refused.returncode == 2, refused.stderr
    for done in (skipped, refused):
        assert "Traceback" not in done.stderr
        assert "caf" in done.stderr
    with (place / "auxhead-problems-train.csv").open(encoding="utf-8", newline="") as file:
        assert [row["path"] for row in csv.DictReader(file)] == [f"{data}/images/train/{TOLD}.png"]


def test_a_comparison_in_a_folder_of_an_odd_name_gets_its_page_with_pictures(tmp_path: Path, forks: Forks) -> None:
    folder = make_ledger(tmp_path / "ledger", seeds=(4,)).rename(tmp_path / ODD)
    done = forks.run("report", ODD, place=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "data:image/jpeg" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        ["train", "data=signs/data.yaml", f"model={LONG}.pt"],
        ["train", "data=signs/data.yaml", "model=small.yaml", "project=new", f"name={LONG}", "--dry-run"],
        ["train", f"resume={LONG}"],
        ["train", f"data={LONG}.yaml", "model=small.yaml"],
        ["inspect", "data=signs/data.yaml", f"out={LONG}"],
        ["evaluate", "data=signs/data.yaml", "model=small.pt", f"out={LONG}"],
        ["strip", f"{LONG}.pt"],
        ["compare", f"{LONG}.yaml"],
        ["report", LONG],
    ],
    ids=lambda words: " ".join(words).replace(LONG, "LONG"),
)
def test_names_that_are_too_long_for_the_system_are_one_message(words: list[str], place: Path, forks: Forks) -> None:
    done = forks.run(*words, place=place)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("expected:") == 1
    assert "too long" in done.stderr
