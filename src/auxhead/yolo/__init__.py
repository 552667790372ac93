"""The only room that talks to Ultralytics."""

from auxhead.yolo.compat import require_host

require_host()  # before anything below touches a part that may be gone

from auxhead.yolo.certificate import Certificate  # noqa: E402
from auxhead.yolo.convert import convert  # noqa: E402
from auxhead.yolo.cost import Cost, cost  # noqa: E402
from auxhead.yolo.environment import environment  # noqa: E402
from auxhead.yolo.strip import strip  # noqa: E402
from auxhead.yolo.strip_certificate import StripCertificate  # noqa: E402
from auxhead.yolo.train import TrainResult, train, trainer  # noqa: E402

__all__ = [
    "Certificate",
    "Cost",
    "StripCertificate",
    "TrainResult",
    "convert",
    "cost",
    "environment",
    "require_host",
    "strip",
    "train",
    "trainer",
]
