"""Verdicts on boxes and detections; scenes by hand end with a right detection of low score: nothing is cut off."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auxhead.metrics.closeness import overlap
from auxhead.metrics.mistakes import BOXES, EXTRAS, best_score, count_mistakes, mistakes

KINDS = (*BOXES, *EXTRAS)
LAST_BOX, LAST_FOUND = (0, 2, 500, 500, 20, 20), (0, 2, 500, 500, 20, 20, 0.1)
CAR = (0, 0, 100, 100, 20, 20)


def judge(build, boxes, found) -> tuple[list[str], list[str]]:
    """Return the verdicts on boxes and on detections, in the order of the scene, without the last ones."""
    made = mistakes(build.measure(build.truth([*boxes, LAST_BOX]), build.found([*found, LAST_FOUND])))
    assert made.score == 0.1
    assert made.boxes[made.truth.cls == 2].tolist() == [BOXES.index("found")]
    verdicts = [BOXES[one] if one >= 0 else "crowd" for one in made.boxes[made.truth.cls != 2]]
    extras = [EXTRAS[one] if one >= 0 else "used" for one in made.extras[made.found.scores != 0.1]]
    return verdicts, extras


@pytest.mark.parametrize(
    ("found", "verdict", "extra"),
    [
        ((0, 0, 100, 100, 20, 20, 0.9), "found", "used"),
        ((0, 0, 100, 100, 20, 10, 0.9), "found", "used"),  # IoU 0.5
        ((0, 0, 100, 100, 20, 9.9, 0.9), "loose", "used"),
        ((0, 0, 110, 100, 20, 20, 0.9), "loose", "used"),  # centers half a size apart
        ((0, 0, 110.1, 100, 20, 20, 0.9), "missed", "background"),
        ((0, 1, 100, 100, 20, 20, 0.9), "wrong_class", "used"),
        ((0, 1, 110, 100, 20, 20, 0.9), "wrong_class", "used"),
        ((0, 1, 110.1, 100, 20, 20, 0.9), "missed", "background"),
        ((0, 0, 300, 300, 20, 20, 0.9), "missed", "background"),
    ],
)
def test_one_box_and_one_detection(build, found, verdict, extra):
    assert judge(build, [CAR], [found]) == ([verdict], [extra])


def test_detections_below_the_best_score_are_left_out(build):
    wrong = [(0, 0, 300 + 50 * index, 300, 20, 20, 0.09) for index in range(9)]
    made = mistakes(build.measure(build.truth([CAR, LAST_BOX]), build.found([*wrong, (*CAR, 0.05), LAST_FOUND])))
    assert (made.score, made.found.scores.tolist()) == (0.1, [0.1])
    assert made.boxes.tolist() == [BOXES.index("missed"), BOXES.index("found")]


def test_overlap_by_half_makes_a_wrong_class_where_centers_are_far(build):
    long = (0, 0, 0, 0, 100, 4)  # size 20: half of it is 10
    found = (0, 1, 25, 0, 100, 4, 0.9)  # center 25 away, IoU 0.6
    assert overlap(np.array([found[2:6]], float), np.array([long[2:6]], float), np.array([False])) == pytest.approx(0.6)
    assert judge(build, [long], [found]) == (["wrong_class"], ["used"])


def test_two_on_one_box_are_one_found_and_one_duplicate(build):
    assert judge(build, [CAR], [(*CAR, 0.9), (*CAR, 0.8)]) == (["found"], ["used", "duplicate"])
    assert judge(build, [CAR], [(*CAR, 0.9), (0, 1, *CAR[2:], 0.8)]) == (["found"], ["used", "duplicate"])
    loose = (0, 0, 108, 100, 20, 20)
    assert judge(build, [CAR], [(*loose, 0.9), (*loose, 0.8)]) == (["loose"], ["used", "duplicate"])
    dog = (0, 1, *CAR[2:])
    assert judge(build, [CAR], [(*dog, 0.9), (*dog, 0.8)]) == (["wrong_class"], ["used", "duplicate"])


def test_found_comes_before_loose_before_wrong_class_whatever_the_scores(build):
    dog, loose = (0, 1, *CAR[2:]), (0, 0, 108, 100, 20, 20)
    assert judge(build, [CAR], [(*loose, 0.9), (*CAR, 0.5)]) == (["found"], ["duplicate", "used"])
    assert judge(build, [CAR], [(*dog, 0.9), (*loose, 0.5)]) == (["loose"], ["duplicate", "used"])
    assert judge(build, [CAR], [(*dog, 0.9), (*CAR, 0.5)]) == (["found"], ["duplicate", "used"])


def test_a_crowd_excuses_no_detection_of_another_class(build):
    crowd = (0, 1, 100, 100, 200, 200, 1)
    assert judge(build, [crowd], [(0, 0, 120, 120, 20, 20, 0.9)]) == (["crowd"], ["background"])
    assert judge(build, [crowd], [(0, 1, 120, 120, 20, 20, 0.9)]) == (["crowd"], ["used"])


def test_a_detection_is_used_once(build):
    beside = (0, 0, 106, 100, 20, 20)
    verdicts, extras = judge(build, [CAR, beside], [(0, 0, 103, 100, 20, 20, 0.9)])
    assert sorted(verdicts) == ["found", "missed"]
    assert extras == ["used"]


def test_detections_on_a_crowd_are_used_up(build):
    crowd = (0, 0, 100, 100, 200, 200, 1)
    inside, touching = (0, 0, 150, 150, 20, 20), (0, 0, 295, 150, 20, 20)
    assert judge(build, [crowd], [(*inside, 0.9), (*inside, 0.8)]) == (["crowd"], ["used", "used"])
    assert judge(build, [crowd], [(*touching, 0.9)]) == (["crowd"], ["background"])
    assert judge(build, [crowd, inside], [(*inside, 0.9), (*inside, 0.8)]) == (["crowd", "found"], ["used", "used"])


def test_detections_on_a_crowd_do_not_move_the_score(build):
    crowd, inside = (0, 1, 200, 200, 99, 99, 1), (0, 1, 240, 240, 20, 20, 0.5)
    assert judge(build, [CAR, crowd], [(*CAR, 0.9), *[inside] * 9]) == (["found", "crowd"], ["used"] * 10)


def test_no_detection(build):
    matched = build.measure(build.truth([CAR, (0, 1, 0, 0, 9, 9, 1)]), build.found([]))
    made = mistakes(matched)
    assert best_score(matched) == np.inf
    assert made.boxes.tolist() == [BOXES.index("missed"), -1]
    assert count_mistakes(matched, made).rows() == [("0.jpg", "small <32", "car", 1, 0, 0, 0, 1, 0, 0)]


def test_no_right_detection_leaves_all_out(build):
    matched = build.measure(build.truth([CAR]), build.found([(0, 0, 300, 300, 9, 9, 0.9)]))
    made = mistakes(matched)
    assert made.score == np.inf
    assert (len(made.found.image), made.boxes.tolist()) == (0, [BOXES.index("missed")])


@pytest.mark.parametrize("images", [0, 2])
def test_no_box(build, images):
    found = build.found([(1, 0, 0, 0, 9, 9, 0.9)] if images else [])
    matched = build.measure(build.truth([], images=images), found)
    table = count_mistakes(matched, mistakes(matched))
    assert table.columns == ["image", "band", "class", "boxes", *KINDS]
    assert not len(table)


def test_counts_are_by_image_band_and_class(build):
    truth = build.truth(
        [
            (0, 0, 0, 0, 20, 20),
            (0, 0, 100, 0, 20, 20),
            (1, 1, 0, 0, 32, 32),
            (1, 2, 200, 200, 40, 40, 0, 100),  # small by its own area
        ],
        images=3,
    )
    found = [
        (0, 0, 0, 0, 20, 20, 0.5),
        (1, 1, 0, 0, 32, 32, 0.5),
        (1, 2, 200, 200, 40, 40, 0.5),
        (2, 1, 0, 0, 96, 96, 0.9),
    ]
    matched = build.measure(truth, build.found(found))
    rows = {
        row[:3]: dict(zip(("boxes", *KINDS), row[3:], strict=True))
        for row in count_mistakes(matched, mistakes(matched)).rows()
    }
    none = dict.fromkeys(("boxes", *KINDS), 0)
    assert rows == {
        ("0.jpg", "small <32", "car"): {**none, "boxes": 2, "found": 1, "missed": 1},
        ("1.jpg", "medium 32-96", "dog"): {**none, "boxes": 1, "found": 1},
        ("1.jpg", "small <32", "sign"): {**none, "boxes": 1, "found": 1},
        ("2.jpg", "large >=96", "dog"): {**none, "background": 1},
    }


@settings(max_examples=80)
@given(data=st.data())
def test_everything_is_counted_once(cases, build, data):
    truth, found = data.draw(cases())
    matched = build.measure(truth, found, bands="2,3,4")
    made = mistakes(matched)
    table = count_mistakes(matched, made)
    sums = {kind: int(table[kind].sum()) for kind in ("boxes", *KINDS)}
    assert sums["boxes"] == (~truth.crowd).sum() == sum(sums[kind] for kind in BOXES)
    assert (table["boxes"] == table.select(BOXES).sum_horizontal()).all()
    assert len(made.found.image) == (found.scores >= made.score).sum()
    assert (made.found.scores >= made.score).all()
    used = int((made.extras == -1).sum())
    assert used + sums["duplicate"] + sums["background"] == len(made.found.image)
    answered = sums["found"] + sums["loose"] + sums["wrong_class"]
    assert used == answered if not truth.crowd.any() else used >= answered
    right = matched.by_overlap["all"].hit[:, 0] & (matched.scene.found.scores >= made.score)
    assert sums["found"] == right.sum()
    assert (made.boxes[made.truth.crowd] == -1).all()


@settings(max_examples=80)
@given(data=st.data())
def test_best_score_is_the_best_of_all(cases, plain, build, data):
    truth, found = data.draw(cases())
    expected = plain.match(truth, found, overlap, 0.5, 0.0, np.inf, 100)
    best = (0.0, np.inf)
    for score in set(expected.scores.values()):
        verdicts = [expected.verdicts[key] for key in expected.scores if expected.scores[key] >= score]
        hits, wrong = verdicts.count("hit"), verdicts.count("wrong")
        if hits:
            best = max(best, (2 * hits / (hits + wrong + len(expected.counted)), score))  # the higher score of equals
    assert best_score(build.measure(truth, found)) == best[1]
