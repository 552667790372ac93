"""One picture of pairs of images that look nearly the same, so that a reader can judge them."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from auxhead.files import write_atomic
from auxhead.formats import printable, shortened
from auxhead.inspection.near_copies import NearCopy, open_gray

DRAWN = 12  # pairs at most, the nearest ones
COLUMNS = 2  # pairs in a row
TILE = (300, 200)  # pixels of an image
GAP = 12
PAPER = 225  # gray around an image that is less wide or high than its tile
TEXT = 18  # pixels of a line
NAME = 40  # characters of a file name that are shown


def draw_pairs(pairs: Sequence[NearCopy], path: Path) -> None:
    """Draw pairs of images side by side into a JPEG, in gray, each with its names.

    Args:
        pairs: Nearest first; at most twelve are drawn.
        path: Where the picture shall be; a file that stands there is replaced.

    Raises:
        OutputError: It can't be written.
    """
    pairs = pairs[:DRAWN]
    wide, high = 2 * TILE[0] + GAP, TILE[1] + 2 * TEXT + GAP
    rows = -(-len(pairs) // COLUMNS)
    wall = Image.new("L", (COLUMNS * wide, max(1, rows) * high), 255)
    pen, font = ImageDraw.Draw(wall), ImageFont.load_default(13)
    for place, pair in enumerate(pairs):
        left, top = place % COLUMNS * wide, place // COLUMNS * high
        for shift, file in ((0, pair.first), (TILE[0], pair.second)):
            wall.paste(ImageOps.pad(open_gray(file, TILE), TILE, color=PAPER), (left + shift, top + 2 * TEXT))
            name = shortened(printable(Path(file).name), NAME)
            pen.text((left + shift + 2, top), name.encode("latin-1", "replace").decode("latin-1"), fill=0, font=font)
        measured = f"{pair.bits} of 256 bits differ, correlation {pair.correlation:.2f}"
        pen.text((left + 2, top + TEXT), measured, fill=90, font=font)
    buffer = BytesIO()
    wall.save(buffer, "JPEG", quality=85)
    write_atomic(path, buffer.getvalue())
