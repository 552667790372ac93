"""What is said of a path at which nothing stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from auxhead.comparison.plan_file import read_plan
from auxhead.errors import ConfigError, DataError
from auxhead.labels.data_yaml import read_data_yaml
from auxhead.mistyped import how_to_correct


@pytest.fixture(autouse=True)
def signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "signs").mkdir()
    (tmp_path / "signs" / "data.yaml").touch()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("sings/data.yaml", "correct the path; did you mean signs/data.yaml?"),
        ("signs/dta.yaml", "correct the path; did you mean signs/data.yaml?"),
        ("sings/dta.yml", "correct the path; did you mean signs/data.yaml?"),
        ("elsewhere/data.yaml", "correct the path"),
        ("signs/data.yaml/more", ""),
        ("signs/data.yaml", ""),
        ("n" * 400, ""),
        ("nul\0", "correct the path"),
    ],
)
def test_a_path_that_is_like_it_is_named(path: str, said: str) -> None:
    assert how_to_correct(path) == said


def test_absolute_paths_stay_absolute(tmp_path: Path) -> None:
    assert how_to_correct(str(tmp_path / "sings" / "data.yaml")).endswith(f"{tmp_path}/signs/data.yaml?")


def test_a_data_yaml_that_is_not_there_says_so() -> None:
    with pytest.raises(DataError, match=r"did you mean signs/data\.yaml\?"):
        read_data_yaml(Path("sings/data.yaml"))


def test_a_plan_that_is_not_there_says_so() -> None:
    Path("signs/plan.yaml").touch()
    with pytest.raises(ConfigError, match=r"did you mean signs/plan\.yaml\?"):
        read_plan("sings/plan.yaml", {}, {})
