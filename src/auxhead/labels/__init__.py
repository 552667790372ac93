"""Reading, checking and converting YOLO detection data sets, without torch and without Ultralytics."""

from auxhead.labels.conversion import Conversion, Source, SplitCounts
from auxhead.labels.convert import convert
from auxhead.labels.listing import IMAGE_SUFFIXES, iter_images, label_path, list_images
from auxhead.labels.problems import LabelProblem, LabelReport, problems_error, write_problems
from auxhead.labels.yolo import check_labels

__all__ = [
    "IMAGE_SUFFIXES",
    "Conversion",
    "LabelProblem",
    "LabelReport",
    "Source",
    "SplitCounts",
    "check_labels",
    "convert",
    "iter_images",
    "label_path",
    "list_images",
    "problems_error",
    "write_problems",
]
