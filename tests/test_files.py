"""Files are whole or absent, and what dead writers left is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from auxhead.errors import OutputError
from auxhead.files import OLD, TEMPORARY_SUFFIX, remove_temporary, require_free, write_atomic

KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from auxhead.files import write_atomic

def kill(event, arguments):
    if event == "os.rename":
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
write_atomic(Path(sys.argv[1]), b"new")
"""


def leftovers(folder: Path) -> list[Path]:
    return list(folder.glob(f".*{TEMPORARY_SUFFIX}"))


def test_a_killed_writer_leaves_the_old_file_and_what_the_next_one_removes(tmp_path: Path) -> None:
    target = tmp_path / "file.json"
    write_atomic(target, b"old")
    assert leftovers(tmp_path) == []
    subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(target)], check=False)
    assert target.read_bytes() == b"old"
    (left,) = leftovers(tmp_path)
    living = left.with_name(left.name.replace(left.name.split(".")[2], str(os.getpid())))
    other = left.with_name(f".0badbabe.1.5eed{TEMPORARY_SUFFIX}")
    for path in (living, other):
        path.write_bytes(b"being written")
    remove_temporary(tmp_path, of_dead=True)
    assert set(leftovers(tmp_path)) == {living, other}
    long_ago = other.stat().st_mtime - OLD - 1
    os.utime(other, (long_ago, long_ago))
    remove_temporary(tmp_path, of_dead=True)
    assert leftovers(tmp_path) == [living]
    remove_temporary(tmp_path)
    assert leftovers(tmp_path) == []
    remove_temporary(tmp_path / "absent")


def test_an_interrupted_writer_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "file.json", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_a_file_is_no_lack_of_space(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "folder.json", tmp_path / "file" / "inside.json"):
        with pytest.raises(OutputError) as caught:
            write_atomic(place, b"new")
        assert caught.value.fix == "choose another name, or move away what stands there"


def test_a_place_that_somebody_is_reading_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows has it: what another process has open can't be replaced."""
    target, replace = tmp_path / "file.json", Path.replace
    refused: list[Path] = []

    def busy(path: Path, place: Path) -> Path:
        if len(refused) < times:
            refused.append(place)
            raise PermissionError(13, "The process cannot access the file")
        return replace(path, place)

    monkeypatch.setattr(Path, "replace", busy)
    monkeypatch.setattr("auxhead.files.PAUSES", (0.0, 0.0))
    monkeypatch.setattr("sys.platform", "win32")
    times = 2
    write_atomic(target, b"new")
    assert (target.read_bytes(), refused) == (b"new", [target, target])
    times = 5
    with pytest.raises(OutputError, match="cannot access"):
        write_atomic(target, b"newer")
    assert [path.name for path in tmp_path.iterdir()] == ["file.json"]
    assert target.read_bytes() == b"new"
    monkeypatch.setattr("sys.platform", "linux")
    times, refused[:] = 1, []
    with pytest.raises(OutputError, match="cannot access"):  # there, a refusal is for good
        write_atomic(target, b"newer")
    assert refused == [target]


def test_a_place_that_cant_be_written_to_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(OutputError, match=r"4 bytes[\s\S]*file/new"):
        write_atomic(tmp_path / "file" / "new", b"some")
    assert (tmp_path / "file").read_bytes() == b"in the way"


def test_a_name_as_long_as_the_system_allows_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_atomic(path, b"whole")
    assert [child.name for child in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_cant_be_made_is_said_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"found: +a file\nwhere: +.*file\n"):
        require_free(tmp_path / "file" / "deep" / "out", ["plan.yaml"], exist_ok=True)
    require_free(tmp_path / "new" / "deep", ["plan.yaml"], exist_ok=False)
    assert not (tmp_path / "new").exists()
    with monkeypatch.context() as patch:  # as on Windows, where a drive is missing
        patch.setattr(os.path, "exists", lambda _: False)
        with pytest.raises(OutputError, match="no such disk"):
            require_free(tmp_path / "new", ["plan.yaml"], exist_ok=True)
    monkeypatch.setattr(os, "access", lambda place, _mode: Path(place) != tmp_path)  # root may write everywhere
    with pytest.raises(OutputError, match="no permission to write there"):
        require_free(tmp_path / "new" / "deep", ["plan.yaml"], exist_ok=True)
