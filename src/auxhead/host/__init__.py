"""The door to Ultralytics: what every room needs of it, and the only place that names its private parts."""

from auxhead.host.compat import require_host

require_host()  # before anything touches a part that may be gone
