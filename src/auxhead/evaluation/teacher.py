"""Ask whether a detector can learn from another one, before it trains with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auxhead.evaluation.evaluate import evaluate
from auxhead.evaluation.files import same_files
from auxhead.evaluation.predictions import detector_names
from auxhead.evaluation.result import Detector, Evaluation, difference
from auxhead.evaluation.tables import Cells, Table, text_table
from auxhead.files import path_given, write_atomic
from auxhead.foreign.beside import as_yolo
from auxhead.formats import points, require_text, signed, times, whole, with_interval
from auxhead.keys.heads.teacher_check import TeacherCheckKeys
from auxhead.keys.reading import validated
from auxhead.labels.listing import list_images
from auxhead.labels.source import Source
from auxhead.metrics.bands import ALL, read_bands
from auxhead.metrics.intervals import Estimate
from auxhead.metrics.step_cost import TRAINING, StepCost
from auxhead.notebook import InNotebooks, Shown
from auxhead.places import results_folder
from auxhead.progress import Progress, named, silent

if TYPE_CHECKING:
    from typing import Unpack

    from auxhead.keys.words.typed import TeacherCheckWords

SCHEMA = "auxhead.teacher_check/1"
ASKED_FILE = "asked.json"  # whose folder it is, from the first moment on
RESULT_FILE = "check.json"
BANDS = "coco"
SMALL = read_bands(BANDS)[0]  # whose lead decides. Source: below 32 px is small, as COCO has it
ENOUGH = 0.03
"""Lead of a teacher, AP of 0 to 1, below which there is nothing to transfer. Source: own choice; published trainings of
full length keep 8 to 53 % of a lead (YOLO26, RTMDet, DAMO-YOLO), and half of 3 points is less than two seeds differ."""


@dataclass(frozen=True)
class TeacherCheck(InNotebooks):
    """What a teacher sees that a student doesn't, and what asking it costs.

    Attributes:
        weights: The teacher's file.
        model: The student's.
        scale: Size of the teacher's pictures over that of the student's.
        imgsz: The student's image size, pixels.
        teacher: The teacher on val.
        student: The student on val.
        lead: Teacher minus student on val by band and measure, on the same resamples.
        train: The teacher on training pictures as they are, without augmentation.
        pictures: Training pictures that were measured, and how many there are.
        cost: Of a step.
        folder: Where the files are.
    """

    weights: str
    model: str
    scale: int
    imgsz: int
    teacher: Evaluation
    student: Evaluation
    lead: Table
    train: Evaluation
    pictures: tuple[int, int]
    cost: StepCost
    folder: str

    @property
    def band(self) -> str:
        """The band whose lead decides: small objects, or all where val has no small ones."""
        return SMALL.name if self.teacher.data["bands"][SMALL.name] else ALL.name

    @property
    def decisive(self) -> Estimate:
        """The lead in AP that decides."""
        return self.lead[self.band]["AP"]

    @property
    def learns(self) -> bool:
        """Whether the teacher leads by 3 points of AP or more.

        What the teacher knows by heart has no say: how far AP on training pictures may lie above that on val, nobody
        has measured, and the two splits may be of different difficulty. It is reported.
        """
        return self.decisive.value is not None and self.decisive.value >= ENOUGH

    def verdict(self) -> str:
        """Say in one line whether there is something to learn, with the figures."""
        lead, objects = self.decisive, "objects below 32 px" if self.band == SMALL.name else "objects of all sizes"
        said = f"the teacher at {self.scale * self.imgsz} px is {with_interval(lead.value, (lead.low, lead.high))}"
        said += f" points of AP against the student at {self.imgsz} px on {objects}"
        if not self.learns:
            return f"Nothing to transfer: {said}; expected +{points(ENOUGH)} or more"
        doubt = "; the interval includes 0: more validation pictures would tell" if (lead.low or 0) < 0 else ""
        return f"Something to learn: {said}{doubt}"

    def table(self) -> Cells:
        """Lay AP out by size band; the first row is the head."""
        head = ["AP by size", "boxes", "teacher", "student", "lead", "teacher on training pictures"]
        boxes = self.teacher.data["bands"]
        found = [one.detectors[0].numbers for one in (self.teacher, self.student, self.train)]
        rows = []
        for band, lead in self.lead.items():
            teacher, student, train = (_cell(numbers[band]["AP"]) for numbers in found)
            rows.append([band, whole(boxes[band]), teacher, student, _cell(lead["AP"], sign=True), train])
        return [head, *rows]

    def remarks(self) -> list[str]:
        """Say what the teacher knows by heart, what a step costs, and what the numbers are made of."""
        val, train = (one.detectors[0].numbers[ALL.name]["AP"].value for one in (self.teacher, self.train))
        gap = None if val is None or train is None else train - val
        looked, all_ = self.pictures
        sample = f"{whole(looked)} of {whole(all_)}" if looked < all_ else f"all {whole(all_)}"
        heart = f"Training pictures ({sample}, not augmented): AP of the teacher {points(train)}, on val {points(val)}"
        cost = (
            f"{self.cost.teacher:.2f} GFLOPs of the teacher beside {TRAINING} x {self.cost.student:.2f} of the student"
        )
        drawn = f"95 % intervals: {self.teacher.settings['resamples']} resamples of the images"
        return [
            f"{heart}: {signed(gap)} points. The further above val, the more it shows only what the labels say.",
            f"A step takes about {times(self.cost.ratio)} the operations: {cost}. An estimate; no time was measured.",
            f"Numbers are percent, sizes in original pixels. {drawn}; training again moves the numbers, too.",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data for JSON; what could not be measured is None."""
        numbers = {"teacher": self.teacher, "student": self.student, "train": self.train}
        return {
            "schema": SCHEMA,
            "verdict": self.verdict(),
            "learns": self.learns,
            "run_in": self.teacher.settings["run_in"],
            "data": self.teacher.settings["data"],
            **{key: getattr(self, key) for key in ("weights", "model", "scale", "imgsz", "band")},
            "lead": _plain(self.lead),
            **{name: _plain(one.detectors[0].numbers) for name, one in numbers.items()},
            "boxes": dict(self.teacher.data["bands"]),
            "pictures": dict(zip(("train", "of"), self.pictures, strict=True)),
            "cost": {**asdict(self.cost), "ratio": self.cost.ratio},
            "folder": self.folder,
        }

    def _shown(self) -> Iterator[str | Shown]:
        """Return the verdict, the table and the remarks."""
        yield Shown(self.table(), self.verdict())
        yield from self.remarks()

    def __str__(self) -> str:
        """Return the verdict, the table and the remarks."""
        return "\n".join([text_table(self.verdict(), self.table()), *self.remarks()])


def teacher_check(
    weights: str | Path | None = None, /, *, progress: Progress | None = None, **keys: Unpack[TeacherCheckWords]
) -> TeacherCheck:
    """Measure what a teacher sees that a student doesn't, what it knows by heart, and what a step with it costs.

    Args:
        weights: The teacher's .pt; or by name.
        progress: Called as progress(task, done, total).
        **keys: As on the command line: `data`, `model`, `scale`, `imgsz`, `limit`, `out`, ...

    Returns:
        The verdict and its figures. Predictions and results lie in `out`: teacher, student, train and check.json.

    Raises:
        ConfigError: Keys or values are wrong, all of them at once, or sizes don't suit the teacher.
        DataError: The data can't be used.
        ModelError: One of the files is no detector, or the teacher has other classes than the data.
        OutputError: `out` holds results of something else, or can't be written to; without `out` the next free name is
            taken.
    """
    given = {} if weights is None else {"weights": path_given(weights, 'auxhead.teacher_check("big.pt", data=...)')}
    own = validated(TeacherCheckKeys, {**keys, **given})
    yolo = as_yolo(own.data, on_error=own.on_error, progress=named(progress or silent, "Converting"))
    own = own.model_copy(update={"data": yolo})
    source, imgsz, one_class, cost = _checked(own)
    names = "-vs-".join(detector_names([Path(own.weights), Path(own.model)]))
    folder = Path(own.out or results_folder("teacher", names, lambda one: own.exist_ok or _goes_on(one, own, imgsz)))
    if not own.out:
        asked = {**_asked(own, imgsz), "run_in": str(Path.cwd())}
        write_atomic(folder / ASKED_FILE, json.dumps(asked, indent=2).encode())
    kept = {key: getattr(own, key) for key in ("exist_ok", "seed", "on_error", "batch", "device", "trust")}
    shared = {**kept, "bands": BANDS, "single_cls": one_class, "progress": progress}
    val = {**shared, "data": own.data, "resamples": own.resamples}
    large = own.scale * imgsz
    teacher = evaluate(own.weights, **val, imgsz=large, out=str(folder / "teacher"))
    student = evaluate(own.model, **val, imgsz=imgsz, out=str(folder / "student"))
    data, pictures = _training_pictures(source, own, folder / "train")
    train = {**shared, "data": data, "split": "train", "resamples": own.resamples}
    found = TeacherCheck(
        weights=own.weights,
        model=own.model,
        scale=own.scale,
        imgsz=imgsz,
        teacher=teacher,
        student=student,
        lead=difference(_of(teacher), _of(student)),
        train=evaluate(own.weights, **train, imgsz=large, out=str(folder / "train")),
        pictures=pictures,
        cost=cost,
        folder=str(folder),
    )
    write_atomic(folder / RESULT_FILE, json.dumps(found.to_dict(), indent=2, allow_nan=False).encode())
    return found


def _goes_on(folder: Path, own: TeacherCheckKeys, imgsz: int) -> bool:
    """Tell whether a folder is of the same check, finished or killed."""
    try:
        standing = json.loads((folder / ASKED_FILE).read_text(encoding="utf-8"))
        asked = _asked(own, imgsz)
        before, now = ([one.pop(key) for key in ("weights", "model", "data")] for one in (standing, asked))
        return standing.items() >= asked.items() and same_files(standing, before, now)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _asked(own: TeacherCheckKeys, imgsz: int) -> dict[str, Any]:
    """Return what makes another check of it, and another folder."""
    return {key: getattr(own, key) for key in ("weights", "model", "data", "scale", "limit")} | {"imgsz": imgsz}


def _checked(own: TeacherCheckKeys) -> tuple[Source, int, bool, StepCost]:
    """Check both detectors as a training with this teacher would, before either predicts.

    Returns:
        The data set; the student's image size; whether all classes are one; what a step costs.
    """
    from auxhead.host.checkpoint import open_model, restricted
    from auxhead.host.datasets import read_source
    from auxhead.host.predict import trained_as_one, trained_size
    from auxhead.keys.heads.teacher import TeacherSpec
    from auxhead.model.attach import require_detector
    from auxhead.shipping.cost import count
    from auxhead.training.teaching.check import GRID, ready_teacher, require_levels, settled_spec, whole_cells

    with restricted(trust=own.trust):
        model = Path(own.model)
        opened = open_model(model, trust=own.trust, accept=lambda *_: "detect").model
        student = require_detector(opened, f"model={model}")
        strides = tuple(map(float, student.stride))
        one_class = trained_as_one(model, trust=own.trust)
        imgsz = whole_cells(own.imgsz or trained_size(model, trust=own.trust), max(int(max(strides)), GRID))
        spec = settled_spec(TeacherSpec(weights=own.weights, scale=own.scale))
        arguments = {"data": own.data, "imgsz": imgsz, "single_cls": one_class}
        teacher = ready_teacher(spec, arguments, trust=own.trust)
        require_levels(spec, teacher.strides, strides)
        cost = StepCost(count(teacher.network, own.scale * imgsz).gflops, count(student, imgsz).gflops)
    return read_source(own.data), imgsz, one_class, cost


def _training_pictures(source: Source, own: TeacherCheckKeys, folder: Path) -> tuple[str, tuple[int, int]]:
    """Name the data whose train split is looked at, with how many pictures of how many: at most `limit`."""
    images = list_images(source.splits["train"])
    count = len(images)
    if count <= own.limit:
        return own.data, (count, count)
    taken = [images[place * count // own.limit].absolute() for place in range(own.limit)]
    require_text(*taken)
    folder.mkdir(parents=True, exist_ok=True)
    listed, data = folder.absolute() / "pictures.txt", folder / "pictures.yaml"
    write_atomic(listed, "".join(f"{image}\n" for image in taken).encode())
    content = {"train": str(listed), "val": str(listed), "names": dict(source.names), "channels": source.channels}
    if source.kpt_shape:
        content["kpt_shape"] = list(source.kpt_shape)
    write_atomic(data, json.dumps(content).encode())  # which is YAML as well
    return str(data), (own.limit, count)


def _of(measured: Evaluation) -> Detector:
    return measured.detectors[0]


def _cell(found: Estimate, *, sign: bool = False) -> str:
    return with_interval(found.value, (found.low, found.high), sign=sign)


def _plain(table: Table) -> dict[str, Mapping[str, float | None]]:
    return {band: asdict(measures["AP"]) for band, measures in table.items()}
