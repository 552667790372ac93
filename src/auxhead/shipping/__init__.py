"""Ship the same: the stock detector without the heads, and the proof that it is what was trained."""

import auxhead.host  # noqa: F401  says which part of Ultralytics is gone, before anything here misses it
