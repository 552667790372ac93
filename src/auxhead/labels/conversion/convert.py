"""Detection data sets to pose or segmentation data sets: boxes become keypoints or outlines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auxhead.errors import OutputError
from auxhead.keys.convert import Images, OnError, PoseKeys, SegmentKeys
from auxhead.labels.apart import require_apart
from auxhead.labels.conversion.folder import PROBLEMS, check_apart, check_ours, resolve
from auxhead.labels.conversion.job import ConversionJob
from auxhead.labels.conversion.result import Conversion
from auxhead.labels.source import Source
from auxhead.progress import Steps


def convert(
    source: Source,
    out: Path,
    target: PoseKeys | SegmentKeys,
    *,
    images: Images = "link",
    on_error: OnError = "fail",
    progress: Steps | None = None,
) -> Conversion:
    """Write the pose or segmentation version of a detection data set, complete with images and data.yaml.

    The source is only read. The result is built in a hidden folder beside `out` and moved into place when it is whole:
    an `out` that exists is complete. If it holds this very conversion already, nothing is written; if it holds another
    one (other keys, changed labels or images), it is replaced.

    Args:
        source: The detection data set.
        out: Folder of the new one; absent, empty, or an earlier conversion.
        target: Keypoints to write, or the outline to draw for each box.
        images: "link": hard links, else symbolic links, else copies; "copy": copies.
        on_error: What bad label rows and unusable images do. "fail": nothing is written but `<out>.problems.csv`, which
            lists them all. "skip": these images are left out, as Ultralytics would; they are listed in
            `out/problems.csv`.
        progress: Called in this thread with the number of images done and their total, every 512 images or so and at
            the end. Not called where nothing is to be done.

    Returns:
        Where the new data set is, and what it holds.

    Raises:
        DataError: A split can't be used or has no label file, or there are bad rows or images and on_error is "fail".
        OutputError: `out` holds other files, lies in the source or around it, or can't be written.
    """
    with output_errors(out):
        place = resolve(out)
        job = ConversionJob(source, place, target, images, on_error)
        check_apart(place, *job.sources())
        require_apart(place, source.splits.values())
        check_ours(place)
        conversion = job.up_to_date() or job.run(progress)
        place.with_name(f"{place.name}.{PROBLEMS}").unlink(missing_ok=True)  # of an earlier run that failed
    return conversion


@contextmanager
def output_errors(out: Path) -> Iterator[None]:
    """Turn what the system says about files into one of our errors."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            expected="images that can be read, and room and permission to write the new data set",
            found=f"{type(error).__name__}: {error.strerror or error}",
            where=str(error.filename or out),
            fix="free some disk space, choose another out=, or mend the file named",
        ) from error
