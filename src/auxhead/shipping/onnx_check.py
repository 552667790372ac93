"""Export a detector to ONNX beside a stock one, and run it."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from ultralytics.engine.exporter import Exporter
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import DEFAULT_CFG_DICT

from auxhead.errors import MissingExtraError, ModelError, VerificationError
from auxhead.host import checkpoint
from auxhead.host.calls import named_line, quiet, told_as
from auxhead.model.attach import require_detector
from auxhead.shipping.sameness import build_like

PACKAGES = ("onnx", "onnxruntime", "onnxslim")
BOX_TOLERANCE = 0.05
"""Pixels that onnxruntime's boxes may differ by. Source: own choice, below what float16 rounding moves them by."""
SCORE_TOLERANCE = 1e-3
"""What onnxruntime's scores (0 to 1) may differ by. Source: own choice, as above."""


@dataclass(frozen=True)
class ExportFacts:
    """Two ONNX graphs, as Ultralytics exports and simplifies them: the detector's and that of a stock detector.

    The stock detector is built anew from the same YAML and holds the same weights.

    Attributes:
        nodes: Nodes of the detector's graph.
        initializers: Its stored tensors.
        operators: Its nodes by kind.
        stock_nodes: The same of a stock detector of the same YAML.
        stock_initializers: See above.
        stock_operators: See above.
        box_difference: Largest difference of boxes between onnxruntime and torch on a random image, pixels.
        score_difference: Largest difference of scores, 0 to 1.
        imgsz: Image size of the exports, pixels.
        opset: ONNX operator set.
        onnx: Version that wrote the graphs.
        onnxruntime: Version that ran the detector's.
    """

    nodes: int
    initializers: int
    operators: dict[str, int]
    stock_nodes: int
    stock_initializers: int
    stock_operators: dict[str, int]
    box_difference: float
    score_difference: float
    imgsz: int
    opset: int
    onnx: str
    onnxruntime: str

    def __str__(self) -> str:
        """Return the facts as one line."""
        return (
            f"ONNX at {self.imgsz} px: {self.nodes} nodes, {self.initializers} initializers; "
            f"stock: {self.stock_nodes}, {self.stock_initializers}; onnxruntime against torch: boxes differ by up to "
            f"{self.box_difference:.2g} px, scores by {self.score_difference:.2g}"
        )


def require_packages() -> None:
    """Check that everything an export needs is installed; nothing is installed by itself.

    Raises:
        MissingExtraError: Something is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            expected=f"{', '.join(PACKAGES)} for --check-export",
            found=f"no {', '.join(missing)}",
            where="this Python environment",
            fix="pip install 'auxhead[export]'",
        )


def check_export(file: Path, imgsz: int) -> ExportFacts:
    """Export a detector, and a stock one of its YAML and weights, to ONNX; compare the graphs, run the detector's.

    Args:
        file: A plain detector.
        imgsz: Image size, pixels.

    Raises:
        MissingExtraError: The extra `export` is not installed.
        ModelError: The file is no plain detector, or can't be exported.
        VerificationError: The graphs differ, or onnxruntime's boxes or scores are not torch's.
    """
    require_packages()
    onnx, runtime = import_module("onnx"), import_module("onnxruntime")  # optional, so looked up by name
    detector = require_detector(checkpoint.open_model(file).model, where=str(file))
    with quiet(), checkpoint.restricted(), TemporaryDirectory(prefix="auxhead-") as folder:
        graphs = [
            onnx.load(_export(model, Path(folder) / f"{name}.pt", imgsz, file))
            for name, model in (("detector", detector), ("stock", _stock(detector)))
        ]
        path = Path(folder) / "detector.onnx"
        boxes, scores = _differences(detector, runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"]))
    (nodes, initializers, operators), stock = _count(graphs[0]), _count(graphs[1])
    if (nodes, initializers, operators) != stock or not (boxes <= BOX_TOLERANCE and scores <= SCORE_TOLERANCE):
        raise VerificationError(
            expected=f"the stock detector's {stock[0]} nodes and {stock[1]} initializers, and torch's outputs",
            found=f"{nodes} nodes, {initializers} initializers, boxes off by {boxes:.2g} px, scores by {scores:.2g}",
            where=str(file),
            fix="report this with the YAML and the output of `auxhead env`",
        )
    return ExportFacts(
        nodes=nodes,
        initializers=initializers,
        operators=operators,
        stock_nodes=stock[0],
        stock_initializers=stock[1],
        stock_operators=stock[2],
        box_difference=boxes,
        score_difference=scores,
        imgsz=imgsz,
        opset=max(entry.version for entry in graphs[0].opset_import),
        onnx=onnx.__version__,
        onnxruntime=runtime.__version__,
    )


def _stock(detector: DetectionModel) -> DetectionModel:
    """Build a detector anew from the same YAML, with the same weights: equal tensors become one in a graph."""
    stock = build_like(detector.yaml, detector)
    stock.load_state_dict(detector.state_dict())
    return stock


def _export(model: DetectionModel, path: Path, imgsz: int, source: Path) -> str:
    """Export to ONNX beside `path`, which need not exist, and return the graph's file name."""
    model.pt_path, model.task = str(path), "detect"
    model.args = {**DEFAULT_CFG_DICT, **getattr(model, "args", {})}  # as Ultralytics completes them when it loads
    settings = {"mode": "export", "format": "onnx", "task": "detect", "imgsz": imgsz, "device": "cpu", "batch": 1}

    def refuse(error: BaseException) -> ModelError:
        return ModelError(
            expected="a detector that exports to ONNX",
            found=named_line(error),
            where=str(source),
            fix="try `yolo export` on it; if that works, report this with the output of `auxhead env`",
        )

    with told_as(refuse), checkpoint.nothing_installed(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's about tracing, which Ultralytics' exporter knows of
        return str(Exporter(overrides=settings)(model=model))


def _count(graph: Any) -> tuple[int, int, dict[str, int]]:
    """Count nodes, initializers, and nodes by kind."""
    kinds = Counter(node.op_type for node in graph.graph.node)
    return sum(kinds.values()), len(graph.graph.initializer), dict(sorted(kinds.items()))


@torch.inference_mode()
def _differences(detector: DetectionModel, session: Any) -> tuple[float, float]:
    """Return by how much onnxruntime's boxes (pixels) and scores differ from torch's on a random image."""
    (entry,) = session.get_inputs()
    image = torch.rand(entry.shape, generator=torch.Generator().manual_seed(0))
    detector.end2end = False  # as Ultralytics exports unless asked otherwise
    expected = detector.eval()(image)[0]
    found = torch.from_numpy(session.run(None, {entry.name: image.numpy()})[0])
    off = (found - expected).abs()
    return float(off[:, :4].max()), float(off[:, 4:].max())
