"""Reading and checking YOLO detection data sets, without torch and without Ultralytics."""

from auxhead.labels.problems import LabelProblem, LabelReport, problems_error, write_problems
from auxhead.labels.yolo import IMAGE_SUFFIXES, check_labels, label_path, list_images

__all__ = [
    "IMAGE_SUFFIXES",
    "LabelProblem",
    "LabelReport",
    "check_labels",
    "label_path",
    "list_images",
    "problems_error",
    "write_problems",
]
