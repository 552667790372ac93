"""Names of the files that an evaluation leaves."""

from __future__ import annotations

METRICS_FILE = "metrics.json"
COUNTS_FILE = "per_image.parquet"
