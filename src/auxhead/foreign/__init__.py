"""Data sets of other formats, made into those that Ultralytics trains on."""
