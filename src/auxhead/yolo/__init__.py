"""The only room that talks to Ultralytics."""

from auxhead.yolo.certificate import Certificate
from auxhead.yolo.convert import convert
from auxhead.yolo.cost import Cost, cost
from auxhead.yolo.strip import strip
from auxhead.yolo.strip_certificate import StripCertificate
from auxhead.yolo.train import TrainResult, train, trainer

__all__ = [
    "Certificate",
    "Cost",
    "StripCertificate",
    "TrainResult",
    "convert",
    "cost",
    "strip",
    "train",
    "trainer",
]
