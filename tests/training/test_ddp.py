"""Several processes: what Ultralytics' launcher pickles, and a real run of two on the CPU."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.patience import HANG
from ultralytics.utils.dist import ddp_cleanup, generate_ddp_file

from auxhead.keys.heads.center import CenterSpec
from auxhead.keys.heads.detect import DetectSpec
from auxhead.keys.heads.mask import MaskSpec
from auxhead.keys.heads.teacher import TeacherSpec
from auxhead.model.choices import RunPlan
from auxhead.model.state import load_state
from auxhead.training.trainer import make_trainer

pytestmark = pytest.mark.slow

WORKERS = """
import os, sys
from multiprocessing import get_context
import torch, torch._inductor  # once for both, as they take longest; Ultralytics reads its rank on its first import
from torch import distributed, nn

# The launcher is for GPUs only: world_size is 0 on a CPU, and its DDP wrapper names a device index.
wrap = nn.parallel.DistributedDataParallel
nn.parallel.DistributedDataParallel = lambda model, device_ids, **keys: wrap(model, **keys)

def train(rank):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))
    from ultralytics.utils import DEFAULT_CFG_DICT
    from ultralytics.utils.patches import torch_load

    state = torch_load(sys.argv[1], map_location="cpu")  # as the launcher's own script does

    class Two(state["trainer"]):
        def _setup_ddp(self):
            distributed.init_process_group("gloo", rank=rank, world_size=2)

        def final_eval(self):
            pass  # Ultralytics validates on the rank's GPU there

    cfg = {**DEFAULT_CFG_DICT, "save_dir": ""}
    trainer = Two(cfg=cfg, overrides=state["args"], _callbacks=state["callbacks"])
    trainer.model = state["model"]
    trainer.world_size = 2
    final = {}
    trainer.add_callback("on_train_epoch_end", lambda t: final.update(
        heads={k: v.clone() for k, v in t.criterion.heads.named_parameters()},
        gain=[t.criterion.gains[name].gain for name in ("center", "teacher")],
        plan=[t.plan.heads["center"].share, t.plan.select]))
    trainer.train()
    torch.save(final, f"{sys.argv[2]}/{rank}.pt")
    distributed.destroy_process_group()

ranks = [get_context("fork").Process(target=train, args=(rank,)) for rank in range(2)]
for rank in ranks:
    rank.start()
for rank in ranks:
    rank.join()
sys.exit(any(rank.exitcode for rank in ranks))
"""


def test_two_processes_train_the_same_heads_from_the_launchers_pickle(
    quick: dict[str, Any], teacher: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    keys = {**quick, "epochs": 1, "project": str(tmp_path), "name": "two", "val": False, "close_mosaic": 0}
    heads = {"center": CenterSpec(share=0.25), "detect": DetectSpec(), "mask": MaskSpec()}
    plan = RunPlan(heads={**heads, "teacher": TeacherSpec(weights=str(teacher), scale=2)}, select="mAP50")
    trainer = make_trainer(plan)(overrides=keys)
    file = generate_ddp_file(trainer)
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", WORKERS, str(Path(file).with_suffix(".pt")), str(tmp_path)],
            env=shared,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=HANG,
        )
    finally:
        ddp_cleanup(trainer, file)
    assert done.returncode == 0, done.stdout[-3000:]
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert first["plan"] == second["plan"] == [0.25, "mAP50"]
    assert first["gain"] == second["gain"]
    assert all(gain > 0 for gain in first["gain"])
    assert all(torch.equal(value, second["heads"][name]) for name, value in first["heads"].items())
    saved = load_state(tmp_path / "two" / "weights" / "last.state.pt")["auxhead"]["head_state"]
    assert all(torch.equal(value, saved[name]) for name, value in first["heads"].items())
