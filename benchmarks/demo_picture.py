"""Draw what the two detectors of `auxhead demo` see in the same pictures: found signs green, missed ones red.

    auxhead demo cpu_bf16=false
    python benchmarks/demo_picture.py [demo=runs/demo/signs] [out=docs/images/demo.jpg] [pictures=4] [conf=0.25]
        [iou=0.5]

The first pictures of val, none chosen. A sign counts as found if a box of its class with a score of at least `conf`
overlaps it by at least `iou`, as COCO's matching counts at that overlap; each box finds one sign. Boxes that found
nothing are drawn in yellow.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["YOLO_AUTOINSTALL"] = "false"

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torchvision.ops import box_iou
from ultralytics import YOLO

from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.listing import list_images
from auxhead.metrics.truth import read_yolo

ENLARGED = 2  # pixels of the drawing for one of the picture
GREEN, RED, YELLOW = (60, 220, 90), (255, 50, 50), (250, 210, 40)
MARGIN = 34


def found(truth: np.ndarray, classes: np.ndarray, boxes: np.ndarray, labels: np.ndarray, iou: float) -> np.ndarray:
    """Say which sign each box found, -1 for none; all boxes are corners, the detector's come best score first."""
    overlaps = box_iou(torch.as_tensor(boxes).double(), torch.as_tensor(truth).double()).numpy()
    overlaps[labels[:, None] != classes[None, :]] = 0
    owner = np.full(len(boxes), -1)
    for i, row in enumerate(overlaps):
        row[owner[:i][owner[:i] >= 0]] = 0  # found already
        if row.size and row.max() >= iou:
            owner[i] = row.argmax()
    return owner


def draw(image: Path, model: YOLO, truth: np.ndarray, classes: np.ndarray, conf: float, iou: float) -> Image.Image:
    """Draw one picture as one detector sees it; `info["found"]` counts the signs that it found."""
    result = model.predict(str(image), conf=conf, imgsz=192, device="cpu", verbose=False)[0].boxes
    boxes, labels = result.xyxy.numpy(), result.cls.numpy().astype(int)
    owner = found(truth, classes, boxes, labels, iou)
    picture = Image.open(image).convert("RGB")
    picture = picture.resize((picture.width * ENLARGED, picture.height * ENLARGED), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(picture)
    for box, at in zip(boxes, owner, strict=True):
        if at < 0:
            pen.rectangle([float(v) * ENLARGED for v in box], outline=YELLOW, width=2)
    for k, box in enumerate(truth):
        left, top, right, bottom = (float(v) * ENLARGED for v in box)
        pen.rectangle((left - 4, top - 4, right + 4, bottom + 4), outline=GREEN if k in owner else RED, width=4)
    picture.info["found"] = sum(k in owner for k in range(len(truth)))
    return picture


def main(demo: str = "runs/demo/signs", out: str = "docs/images/demo.jpg", pictures: int = 4, **keys: float) -> None:
    """Draw both rows and save them."""
    conf, iou = float(keys.get("conf", 0.25)), float(keys.get("iou", 0.5))
    data = read_data_yaml(Path(demo) / "data" / "data.yaml")
    images = list_images(data.splits["val"])[:pictures]
    truth = read_yolo(images, data.names)
    corners = np.hstack([truth.boxes[:, :2], truth.boxes[:, :2] + truth.boxes[:, 2:]])
    rows, words = [], []
    for arm, name in (("plain", "yolov8n"), ("p234", "yolov8n-p234")):
        model = YOLO(Path(demo) / arm / "weights" / "best.pt")
        drawn = []
        for place, image in enumerate(images):
            own = truth.image == place
            drawn.append(draw(image, model, corners[own], truth.cls[own], conf, iou))
        rows.append(drawn)
        words.append(f"{name}: {sum(one.info['found'] for one in drawn)} of {len(corners)} signs found")
    width, height = rows[0][0].size
    sheet = Image.new("RGB", (pictures * (width + 6) - 6, 2 * (height + MARGIN)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(22)
    for y, (drawn, text) in enumerate(zip(rows, words, strict=True)):
        pen.text((2, y * (height + MARGIN) + 4), text, fill="black", font=font)
        for x, one in enumerate(drawn):
            sheet.paste(one, (x * (width + 6), y * (height + MARGIN) + MARGIN))
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out, quality=85, optimize=True)
    print("\n".join(words))


if __name__ == "__main__":
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    main(**{key: int(value) if key == "pictures" else value for key, value in given.items()})
