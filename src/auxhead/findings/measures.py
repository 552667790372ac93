"""Names of measures, as plans give them and as evaluations hold them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from auxhead.errors import ConfigError
from auxhead.keys.reading import closest
from auxhead.metrics.bands import ALL, called

ALIASES = {"mAP50": "AP50", "mAP50-95": "AP"}
"""Ultralytics' names for COCO's."""

OF_ALL = ("AP", "AP50", "AP75", "center_AP", "recall@1FPPI", "NWD_AP")
"""Measures of everything. Source: `auxhead.metrics.measures.numbers`."""

OF_BANDS = ("AP", "AP50", "center_AP", "recall@1FPPI")
"""Measures of a size band."""

MORE = re.compile(r"AR@\d+|center_AP@[\d.]+(px)?")
"""Measures whose numbers the settings give."""


def primary_key(name: str, bands: Sequence[str]) -> tuple[str, str]:
    """Find a measure by its name in a plan.

    Args:
        name: mAP50, mAP50-95, a measure of everything, or BAND/MEASURE, the band by its name, its title or its sizes.
        bands: Names of the size bands.

    Returns:
        Band and measure, as `metrics.json` names them.

    Raises:
        ConfigError: There is no such measure.

    Examples:
        >>> primary_key("mAP50", ["<16", ">=16"]), primary_key("<16/AP50", ["<16", ">=16"])
        (('all', 'AP50'), ('<16', 'AP50'))
        >>> primary_key("8-16/AP50", ["tiny 8-16"])
        ('tiny 8-16', 'AP50')
    """
    band, slash, measure = name.rpartition("/")
    band = called(bands).get(band, band) if slash else ALL.name
    measure = ALIASES.get(measure, measure)
    known = OF_ALL if band == ALL.name else OF_BANDS
    if band in {ALL.name, *bands} and (measure in known or MORE.fullmatch(measure)):
        return band, measure
    names = [*ALIASES, *OF_ALL, *(f"{one}/{of}" for one in bands for of in OF_BANDS)]
    raise ConfigError(
        expected=f"a measure: {', '.join([*ALIASES, *OF_ALL])}, or of a size band, such as {bands[0]}/AP50",
        found=name,
        where="primary",
        fix=closest(name, names) or f"bands are {', '.join(bands)}",
    )
