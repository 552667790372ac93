"""Limits that a detector has to reach: `fail_below=AP50:0.4`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auxhead.errors import ConfigError
from auxhead.evaluation.tables import Table
from auxhead.metrics.bands import ALL, Band, called

MEASURES = ("AP", "AP50", "recall@1FPPI", "center_AP")  # of every band
MEASURES_OF_ALL = ("AP75", "NWD_AP")  # of all sizes together alone


@dataclass(frozen=True)
class Limit:
    """The least value that a measure may have.

    Attributes:
        band: Name of the band.
        measure: Name of the measure.
        least: 0 to 1.
    """

    band: str
    measure: str
    least: float


def read_limits(given: Sequence[str], bands: Sequence[Band]) -> tuple[Limit, ...]:
    """Read `AP50:0.4` (all sizes) and `8-16:AP50:0.3` (one band, by its sizes, its title or both).

    Args:
        given: The limits as they are typed.
        bands: The bands that are measured.

    Raises:
        ConfigError: A measure or band is unknown, or a value is not between 0 and 1; all of them at once.

    Examples:
        >>> from auxhead.metrics.bands import read_bands
        >>> read_limits(["AP50:0.4", "8-16:AP:0.2"], read_bands("ai-tod"))
        (Limit(band='all', measure='AP50', least=0.4), Limit(band='tiny 8-16', measure='AP', least=0.2))
    """
    names = {ALL.name: ALL.name, **called(band.name for band in bands)}
    limits, wrong = [], []
    for text in given:
        *before, measure, value = ["", *text.split(":")]
        own = names.get("".join(before) or ALL.name)
        known = (*MEASURES, *(MEASURES_OF_ALL if own == ALL.name else ()))
        try:
            least = float(value)
        except ValueError:
            least = -1
        if own is None or measure not in known or not 0 < least <= 1:
            wrong.append(text)
        else:
            limits.append(Limit(own, measure, least))
    if wrong:
        spans = [band.name.rpartition(" ")[2] for band in bands]
        raise ConfigError(
            expected=f"MEASURE:VALUE or BAND:MEASURE:VALUE, such as AP50:0.4 or {spans[0]}:AP50:0.3; values above 0, "
            f"at most 1; measures {', '.join(MEASURES)}, of all sizes also {', '.join(MEASURES_OF_ALL)}; "
            f"bands {', '.join(spans)}",
            found=", ".join(map(repr, wrong)),
            where="fail_below=",
            fix="correct it",
        )
    return tuple(limits)


def below(limits: Sequence[Limit], numbers: Table) -> list[str]:
    """Say which limits are not reached, one line each; a band without boxes reaches none."""
    told = []
    for limit in limits:
        value = numbers[limit.band][limit.measure].value
        if value is None or value < limit.least:
            where = "" if limit.band == ALL.name else f" ({limit.band})"
            found = "nothing to measure" if value is None else f"{value:.6g}"
            told.append(f"{limit.measure}{where}: {found}, below {limit.least:g}")
    return told
