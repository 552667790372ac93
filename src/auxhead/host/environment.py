"""What a bug report should say about the machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

import torch
from packaging.version import InvalidVersion, Version
from ultralytics.utils import SETTINGS, USER_CONFIG_DIR

from auxhead._version import __version__
from auxhead.formats import plural
from auxhead.host.commit import commit
from auxhead.host.compat import TESTED, installed
from auxhead.host.cpu import has_fast_bf16
from auxhead.machine import cores

VARIABLES = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "YOLO_AUTOINSTALL", "YOLO_CONFIG_DIR", "ULTRALYTICS_SAFE_LOAD")


def environment() -> dict[str, str]:
    """Return versions, hardware and settings that matter for training, by name; `commit` where one is known."""
    release, made_from = installed(), commit()
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "auxhead": __version__,
        **({"commit": made_from} if made_from else {}),
        "ultralytics": f"{release} (tested with {TESTED[0]} to {TESTED[1]}{remark(release)})",
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": f"{torch.backends.cpu.get_cpu_capability()}, {plural(cores(), 'core')} for this process",
        "cpu bf16": "yes (AVX512-BF16 or AMX)" if has_fast_bf16() else "no (training on the CPU stays in float32)",
        "torch threads": str(torch.get_num_threads()),
        "gpu": ", ".join(gpus) or "none",
        "ultralytics settings": str(USER_CONFIG_DIR),
        "datasets_dir": str(SETTINGS["datasets_dir"]),
        "runs_dir": str(SETTINGS["runs_dir"]),
        **{name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def remark(release: str) -> str:
    """Say how a release of Ultralytics lies to those that we tested with; '' for one of them."""
    oldest, newest = map(Version, TESTED)
    try:
        found = Version(release)
    except InvalidVersion:
        return "; this one has no number that can be compared"
    if found < oldest:
        return "; THIS ONE IS OLDER"
    return "; this one is newer" if found > newest else ""
