"""Several processes: what Ultralytics' launcher pickles, and a real run of two on the CPU."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from tests.patience import HANG
from ultralytics.utils.dist import ddp_cleanup, generate_ddp_file

from auxhead.heads.center import CenterSpec
from auxhead.model.choices import RunPlan
from auxhead.model.state import load_state
from auxhead.training.trainer import make_trainer

LOAD = """
import sys
from ultralytics.utils import DEFAULT_CFG_DICT
from ultralytics.utils.patches import torch_load
state = torch_load(sys.argv[1], map_location="cpu")
cfg = {**DEFAULT_CFG_DICT, "save_dir": ""}
trainer = state["trainer"](cfg=cfg, overrides=state["args"], _callbacks=state["callbacks"])
print(trainer.plan.heads["center"].gain, trainer.plan.select)
"""

WORKER = """
import json, sys, torch
from torch import distributed, nn
from auxhead.heads.center import CenterSpec
from auxhead.model.choices import RunPlan
from auxhead.training.trainer import make_trainer

# The launcher is for GPUs only: world_size is 0 on a CPU, and its DDP wrapper names a device index.
wrap = nn.parallel.DistributedDataParallel
nn.parallel.DistributedDataParallel = lambda model, device_ids, **keys: wrap(model, **keys)

class Two(make_trainer(RunPlan(heads={"center": CenterSpec()}))):
    def _setup_ddp(self):
        distributed.init_process_group("gloo", rank=distributed_rank, world_size=2)

    def final_eval(self):
        pass  # Ultralytics validates on the rank's GPU there

distributed_rank = int(__import__("os").environ["RANK"])
trainer = Two(overrides=json.loads(sys.argv[1]))
trainer.world_size = 2
final = {}
trainer.add_callback("on_train_epoch_end", lambda t: final.update(
    heads={k: v.clone() for k, v in t.criterion.heads.named_parameters()}, gain=t.criterion.gains["center"].gain,
    batches=len(t.train_loader)))
trainer.train()
torch.save(final, f"{sys.argv[2]}/{distributed_rank}.pt")
distributed.destroy_process_group()
"""


def test_configured_trainer_survives_the_launchers_pickle(tiny: dict[str, Any], tmp_path: Path) -> None:
    plan = RunPlan(heads={"center": CenterSpec(gain=7.0)}, select="mAP50")
    trainer = make_trainer(plan)(overrides={**tiny, "project": str(tmp_path), "name": "ddp"})
    file = generate_ddp_file(trainer)
    try:
        state = str(Path(file).with_suffix(".pt"))
        done = subprocess.run([sys.executable, "-c", LOAD, state], capture_output=True, text=True, check=False)
    finally:
        ddp_cleanup(trainer, file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["7.0", "mAP50"]


def test_two_processes_train_the_same_heads(tiny: dict[str, Any], tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    keys = {**tiny, "epochs": 1, "project": str(tmp_path), "name": "two", "exist_ok": True, "val": False}
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, json.dumps(keys), str(tmp_path)],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [process.communicate(timeout=HANG)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs[0][-3000:]
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert first["gain"] == second["gain"]
    assert all(torch.equal(value, second["heads"][name]) for name, value in first["heads"].items())
    saved = load_state(tmp_path / "two" / "weights" / "last.state.pt")["auxhead"]["head_state"]
    assert all(torch.equal(value, saved[name]) for name, value in first["heads"].items())
