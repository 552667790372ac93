"""Names of the files that an evaluation leaves, and of those that a comparison adds for its findings."""

from __future__ import annotations

METRICS_FILE = "metrics.json"
COUNTS_FILE = "per_image.parquet"
DRAWS_FILE = "draws.npz"
CURVES_FILE = "curves.npz"
