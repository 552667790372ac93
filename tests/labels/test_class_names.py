"""Classes are matched by name, as Ultralytics matches those of weights."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ultralytics.nn.tasks import DetectionModel

from auxhead.labels.class_names import places

NAMES = st.lists(st.sampled_from(["car", "Car", " car", "CAR ", "bus", "Bus", "30"]), max_size=4)


@pytest.mark.parametrize(
    ("names", "wanted", "found"),
    [
        (["a", "b"], ["b", "a"], [1, 0]),
        (["person", "car"], ["Car", " Person"], [1, 0]),
        (["Car", "car"], ["car", "Car"], [1, 0]),
        (["Car", "car"], ["CAR"], [-1]),
        (["car"], ["car", "Car"], [-1, -1]),
        (["a", "a"], ["a"], [-1]),
        ([], ["a"], [-1]),
        (["a"], [], []),
    ],
)
def test_places(names: list[str], wanted: list[str], found: list[int]) -> None:
    assert places(names, wanted) == found


@given(NAMES, NAMES)
def test_what_is_found_is_of_that_name_and_nobody_elses(names: list[str], wanted: list[str]) -> None:
    found = places(names, wanted)
    assert len(found) == len(wanted)
    held = [place for place in found if place >= 0]
    assert len(set(held)) == len(held)
    for name, place in zip(wanted, found, strict=True):
        assert place < 0 or names[place].strip().lower() == name.strip().lower()
        assert place < 0 or name not in names or names[place] == name


@pytest.mark.skipif(not hasattr(DetectionModel, "_remap_cls_by_names"), reason="older releases match no names")
def test_names_that_are_alike_are_those_that_ultralytics_takes_for_one() -> None:
    theirs, ours = {0: "Bus", 1: "person", 2: " car"}, {0: "CAR", 1: "bus ", 2: "tram"}
    source, model = (DetectionModel("yolov8n.yaml", nc=3, verbose=False) for _ in range(2))
    source.names, model.names = theirs, ours
    before, own = source.model[-1].cv3[0][-1].weight, model.model[-1].cv3[0][-1].weight
    untouched = own[2].clone()
    model._remap_cls_by_names(source.state_dict(), source, verbose=False)
    assert places(list(theirs.values()), list(ours.values())) == [2, 0, -1]
    assert torch.equal(own[:2], before[[2, 0]])
    assert torch.equal(own[2], untouched)
