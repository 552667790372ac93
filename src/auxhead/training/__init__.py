"""Train with more: the keys of a run, the trainer with heads, the stock road over pose and segment models."""

import auxhead.host  # noqa: F401  says which part of Ultralytics is gone, before anything here misses it
