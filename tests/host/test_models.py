"""Models by name: folders whose names look like a model of some size."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ultralytics.nn.tasks import yaml_model_load

from auxhead.host.models import sibling
from auxhead.layouts import ready_made

pytestmark = pytest.mark.core


def test_a_folder_named_like_a_model_hides_no_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an environment in a folder yolov8n would be."""
    folder = tmp_path / "yolov8n" / "cfg"
    shutil.copytree(ready_made.FOLDER, folder)
    monkeypatch.setattr(ready_made, "FOLDER", folder)
    found = yaml_model_load(ready_made.ready_made("yolov8s-p234.yaml"))
    assert (found["scale"], Path(found["yaml_file"])) == ("s", folder / "yolov8s-p234.yaml")
    assert sibling("yolov8n.yaml", "p234") == "yolov8n-p234.yaml"
    with pytest.raises(FileNotFoundError, match="yolov8n-none"):
        yaml_model_load(folder / "yolov8n-none.yaml")
