"""Convert label files that were damaged at random, and let Ultralytics judge the outcome.

Checked for every file, by Ultralytics' own verify_image_label and not by our rules:

* the conversion ends without a traceback and leaves the source's bytes and times alone;
* a file is listed in problems.csv exactly if Ultralytics would ignore its image when it trains a detector;
* every bad row is named: with the named rows deleted, Ultralytics takes the file;
* a converted file is accepted with the new kind of labels, and its boxes are the source's.

    python benchmarks/fuzz_labels.py [count=100000] [seed=0] [folder=FOLDER]

Files are made in batches and removed again. Ends with 1 if anything is wrong.
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

os.environ["YOLO_AUTOINSTALL"] = "false"

import numpy as np
from PIL import Image
from ultralytics.data.utils import verify_image_label

from auxhead.keys.convert import PoseKeys, SegmentKeys
from auxhead.labels.conversion.convert import convert
from auxhead.labels.rows import Rules, check_rows, pose_columns
from auxhead.labels.source import Source

BATCH = 1000
NC = 3
HUGE = 5_000_000  # bytes
HUGE_SHARE = 1 / 2500
TARGETS = [
    (PoseKeys(), (1, 3)),
    (PoseKeys(keypoints="corners", visibility=False), (4, 2)),
    (PoseKeys(keypoints="center+corners"), (5, 3)),
    (SegmentKeys(), None),
    (SegmentKeys(shape="ellipse"), None),
]
SOURCE_SHAPES = [None, None, None, (2, 3)]

NUMBERS = (
    "nan NaN -nan inf -inf Infinity 1e308 -1e308 1e309 1e39 1e-46 1e-400 -1e-9 -0.0 -0.01 -0.0100001 1.01 1.0100001"
)
ODD = "-0.5 2 640 x 0x1 1_0 1,5 . - + e5 5e-1 +.5 00.5 0.50000000000000000000000000000000000001"
OTHER_DIGITS = ["\u0663", "\uff11", "\u0660.\u0665", "\xbd"]  # Arabic, full width, a half
LONG = [str(2**63), str(-(2**63)), str(2**24 + 1), "9" * 400, "0." + "3" * 400]
CELLS = [*NUMBERS.split(), *ODD.split(), *OTHER_DIGITS, *LONG, "\x00", "0\x00"]
CLASSES = ["-1", "3", "1.5", "2.0", "-0", "1e0", "nan", "car", "2.9999999", "\uff10", str(2**63), str(2**31), "9" * 20]
BREAKS = ["\n\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\n \t \n", " ", "\t", "\xa0", ""]


def number(draw: random.Random) -> str:
    """Draw a good number as labels have it."""
    return draw.choice([f"{draw.random():.6f}", repr(draw.random()), f"{draw.random():.1e}", "0", "1", ".5"])


def row(draw: random.Random) -> list[str]:
    """Draw a good row: a box most of the time, else a polygon or a pose row."""
    columns = draw.choice([4, 4, 4, 4, 6, 8, 10, 2])
    return [str(draw.randrange(NC)), *(number(draw) for _ in range(columns))]


def rows(draw: random.Random) -> list[list[str]]:
    """Draw the rows of a file, nearly always of one kind."""
    kind = row(draw)
    return [
        row(draw) if draw.random() < 0.02 else [str(draw.randrange(NC)), *(number(draw) for _ in kind[1:])]
        for _ in range(draw.randint(0, 8))
    ]


def damage_cells(found: list[list[str]], draw: random.Random) -> None:
    """Put something else into a cell, or add, remove, repeat or swap cells and rows."""
    if not found:
        found.append(row(draw))
    cells = draw.choice(found)
    match draw.randrange(7):
        case 0 | 1:
            cells[draw.randrange(len(cells))] = draw.choice(CELLS)
        case 2:
            cells[0] = draw.choice(CLASSES)
        case 3:
            cells.insert(draw.randrange(len(cells) + 1), number(draw))
        case 4 if len(cells) > 1:
            del cells[draw.randrange(len(cells))]
        case 5:
            found.append(list(cells))
        case _:
            found.append(row(draw))


def damage_bytes(raw: bytes, draw: random.Random) -> bytes:
    """Cut, flip, insert, or save in another encoding."""
    place = draw.randrange(len(raw) + 1)
    match draw.randrange(9):
        case 0:
            return raw[:place]
        case 1:
            return raw[place:]
        case 2:
            return raw[:place] + draw.randbytes(draw.randint(1, 4)) + raw[place:]
        case 3 if raw:
            place = min(place, len(raw) - 1)
            return raw[:place] + bytes([raw[place] ^ 1 << draw.randrange(8)]) + raw[place + 1 :]
        case 4:
            return b"\xef\xbb\xbf" + raw
        case 5:
            return b"\xef\xbb\xbf"[: draw.randint(1, 2)] + raw
        case 6:
            return raw.decode(errors="replace").encode(draw.choice(["utf-16", "utf-16-le", "latin-1"]), "replace")
        case 7:
            return draw.randbytes(draw.randint(0, 80))
        case _:
            return raw[:place] + draw.choice(BREAKS).encode() + raw[place:]


def huge(raw: bytes, draw: random.Random) -> bytes:
    """Blow a file up: one endless number, one endless line, or the same rows again and again."""
    pattern = draw.choice([b"1", b"0.", b"0 .5 .5 .2 .2 ", raw or b"x", raw or b" ", b"9 .5 .5 .2 .2\n"])
    return (raw if draw.random() < 0.5 else b"") + pattern * (HUGE // len(pattern))


def content(draw: random.Random) -> bytes:
    """Draw the content of a label file."""
    found = rows(draw)
    damages = draw.choice([0, 0, 1, 1, 1, 2, 3])
    kinds = [draw.random() < 0.6 for _ in range(damages)]
    for _ in filter(None, kinds):
        damage_cells(found, draw)
    blank, end = draw.choice([" ", " ", " ", "\t", "  "]), draw.choice(["\n", "\n", "\n", "\r\n"])
    raw = end.join(blank.join(cells) for cells in found).encode() + (end.encode() if draw.random() < 0.8 else b"")
    for kind in kinds:
        if not kind:
            raw = damage_bytes(raw, draw)
    return huge(raw, draw) if draw.random() < HUGE_SHARE else raw


def mixes(raw: bytes, shape: tuple[int, int] | None) -> bool:
    """Tell whether the mixture of boxes and polygons is all that is wrong with a label file."""
    alone, mixed = (Rules(NC, pose_columns=pose_columns(shape), mixed=allowed) for allowed in (False, True))
    name = Path("label")
    return bool(check_rows(raw, alone, name).problems) and not check_rows(raw, mixed, name).problems


class Fuzz:
    """The sums over all batches, and the first things that were wrong."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Draw one picture that all images are links to."""
        self.folder, self.seed = folder, seed
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.picture = folder / "picture.png"
        Image.new("L", (16, 16)).save(self.picture)

    def judge(self, label: Path, keypoints: tuple[int, int] | None, source: tuple[int, int] | None = None):
        """Return Ultralytics' boxes (None: it would ignore the image) and segments of a label file."""
        shape = keypoints or source or (0, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = verify_image_label((str(self.picture), str(label), "", keypoints is not None, NC, *shape, False))
        return found[1], found[3]

    def batch(self, index: int, count: int) -> None:
        """Make, convert and judge some files."""
        draw = random.Random(f"{self.seed} {index}")
        target, keypoints = TARGETS[index % len(TARGETS)]
        shape = SOURCE_SHAPES[index % len(SOURCE_SHAPES)]
        root, out = self.folder / "source", self.folder / "out"
        contents = {f"{i:05d}": content(draw) for i in range(count)} | {"good": b"0 .5 .5 .2 .2\n"}
        for split in ("train", "val"):
            (root / "images" / split).mkdir(parents=True)
            (root / "labels" / split).mkdir(parents=True)
        for name, raw in contents.items():
            os.link(self.picture, root / "images/train" / f"{name}.png")
            (root / "labels/train" / f"{name}.txt").write_bytes(raw)
        os.link(self.picture, root / "images/val/1.png")
        (root / "labels/val/1.txt").touch()
        before = self.times(root)
        source = Source(
            root / "data.yaml",
            {split: root / "images" / split for split in ("train", "val")},
            {i: str(i) for i in range(NC)},
            shape,
        )
        try:
            convert(source, out, target, on_error="skip")
        except Exception:  # noqa: BLE001  whatever it is, it is what is looked for
            self.counts["tracebacks"] += 1
            self.wrong.append(f"batch {index}: {traceback.format_exc()}")
        changed = [
            name for name, raw in contents.items() if (root / "labels/train" / f"{name}.txt").read_bytes() != raw
        ]
        if changed or self.times(root) != before:
            self.counts["source files changed"] += max(1, len(changed))
            self.wrong.append(f"batch {index}: changed {changed[:5]}")
        if out.exists():
            self.compare(root, out, contents, keypoints, shape)
        self.counts["label files"] += count
        shutil.rmtree(root)
        shutil.rmtree(out, ignore_errors=True)

    def times(self, root: Path) -> list[tuple[str, int]]:
        """List all names and times of the source; those of images change with every link but for their content's."""
        return sorted((str(path), path.stat().st_mtime_ns) for path in root.rglob("*"))

    def compare(self, root: Path, out: Path, contents: dict[str, bytes], keypoints, shape) -> None:
        """Hold the outcome against Ultralytics' opinion on source and result."""
        named: dict[str, set[int | None]] = {}
        if (out / "problems.csv").exists():
            csv.field_size_limit(10**9)
            with (out / "problems.csv").open(encoding="utf-8", newline="") as file:
                for path, line, _, _ in list(csv.reader(file))[1:]:
                    named.setdefault(Path(path).stem, set()).add(int(line) if line else None)
                    self.counts["rows named"] += 1
        for name, raw in contents.items():
            label, new = root / "labels/train" / f"{name}.txt", out / "labels/train" / f"{name}.txt"
            boxes, _ = self.judge(label, None, shape)
            self.counts["files that Ultralytics ignores"] += boxes is None
            self.counts["huge files"] += len(raw) > HUGE // 2
            if boxes is None and name not in named and mixes(raw, shape):
                self.compare_mixed(name, raw, new, keypoints)
            elif (boxes is None) != (name in named):
                self.note("verdicts that differ", name, raw)
            elif boxes is None:
                linked = (out / "images/train" / f"{name}.png").exists()
                if linked or new.exists():
                    self.note("ignored files that were converted", name, raw)
                self.mend(name, raw, named[name], label, shape)
            else:
                self.compare_boxes(name, raw, boxes, new, keypoints)

    def compare_boxes(self, name: str, raw: bytes, boxes: np.ndarray, new: Path, keypoints) -> None:
        """See that a converted file is accepted and has the boxes of its source."""
        found, segments = self.judge(new, keypoints)
        self.counts["files converted"] += 1
        if found is None or not new.exists():
            self.note("converted files that are refused", name, raw)
        elif keypoints:
            self.counts["boxes converted"] += len(found)
            if {bytes(box) for box in found + np.float32(0)} != {bytes(box) for box in boxes + np.float32(0)}:
                self.note("boxes that changed", name, raw)
        elif len(segments) != len(found) or set(found[:, 0]) != set(boxes[:, 0]):
            self.note("boxes that changed", name, raw)
        else:
            self.counts["boxes converted"] += len(found)

    def compare_mixed(self, name: str, raw: bytes, new: Path, keypoints) -> None:
        """See that Ultralytics takes what was made of a file that mixes boxes and polygons, which it refuses."""
        self.counts["files of boxes and polygons converted"] += 1
        if not new.exists() or self.judge(new, keypoints)[0] is None:
            self.note("converted files that are refused", name, raw)

    def mend(self, name: str, raw: bytes, lines: set[int | None], label: Path, shape) -> None:
        """Delete the named rows and see whether Ultralytics takes what is left."""
        kept = [line for i, line in enumerate(raw.splitlines(keepends=True), 1) if i not in lines]
        # Rows of one point are polygons only beside a longer row, which may have been a bad one.
        longer = [line for line in kept if len(line.split()) not in (1, 3)]
        for rows_left, what in (
            (kept, "mended by deleting the named rows"),
            (longer, "mended by deleting the single points beside them, too"),
        ):
            label.write_bytes(b"".join(rows_left))
            if self.judge(label, None, shape)[0] is not None or mixes(label.read_bytes(), shape):
                self.counts[what] += 1
                return
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            self.counts["UTF-16, named as a whole"] += 1
        else:
            self.note("bad rows that were not named", name, raw)

    def note(self, what: str, name: str, raw: bytes) -> None:
        """Count something wrong and keep an example."""
        self.counts[what] += 1
        self.wrong.append(f"{what}: {name} {raw[:300]!r}")


def main() -> None:
    """Run all batches and print the sums."""
    keys = dict(word.split("=", 1) for word in sys.argv[1:])
    count, seed = int(keys.get("count", 100_000)), int(keys.get("seed", 0))
    folder = Path(tempfile.mkdtemp(dir=keys.get("folder")))
    started = time.perf_counter()
    try:
        fuzz = Fuzz(folder, seed)
        for index, start in enumerate(range(0, count, BATCH)):
            fuzz.batch(index, min(BATCH, count - start))
    finally:
        shutil.rmtree(folder)
    bad = ("tracebacks", "source files changed", "verdicts that differ", "bad rows that were not named")
    bad += ("ignored files that were converted", "converted files that are refused", "boxes that changed")
    print(f"seed {seed}, {time.perf_counter() - started:.0f} s")
    for what in [*(what for what in fuzz.counts if what not in bad), *bad]:
        print(f"{fuzz.counts[what]:>10,}  {what}")
    print("\n".join(fuzz.wrong[:20]), end="\n" if fuzz.wrong else "")
    sys.exit(bool(fuzz.wrong))


if __name__ == "__main__":
    main()
