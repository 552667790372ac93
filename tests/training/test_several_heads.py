"""A whole training with several heads beside it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import torch
from ultralytics import YOLO

import auxhead


def test_a_run_with_several_heads_logs_them_and_ships_the_stock_detector(quick: dict[str, Any], tmp_path: Path) -> None:
    more = {
        "epochs": 1,
        "heads": "center,detect,mask",
        "single_cls": True,
        "project": str(tmp_path),
        "name": "run",
    }
    result = auxhead.train(**{**quick, **more})
    with (result.save_dir / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in ("train/detect_box_loss", "train/detect_cls_loss", "train/detect_dfl_loss", "gain/detect"):
        assert all(float(row[name]) > 0 for row in rows)
    assert {"grad/detect", "share/detect", "train/center_loss", "train/mask_loss", "share/mask"} <= set(rows[0])
    assert not any(name.startswith("val/detect") for name in rows[0])
    assert result.certificate.float32_difference == 0
    for name in ("best.pt", "last.pt"):
        path = result.save_dir / "weights" / name
        assert b"criterion" not in path.read_bytes()
        stock = YOLO(path).model
        content = torch.load(path, weights_only=False)
        assert not any("criterion" in key or "heads" in key for key in stock.state_dict())
        assert not any(layer._forward_hooks for layer in content["model"].modules())
