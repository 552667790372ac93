"""Which class a row of results means: three numberings, none guessed, and names that must agree."""

from __future__ import annotations

from typing import Any

import pytest
from tests.evaluation.conftest import Shop, ap50
from tests.evaluation.test_result_images import write_yolo
from ultralytics.data.converter import coco80_to_coco91_class

import auxhead

IDS = {  # of a COCO json: from 1, with gaps, with a category that heads the others, from 0
    "from 1": [1, 2, 3, 4],
    "gaps": [2, 3, 5, 9],
    "from 0": [0, 1, 2, 3],
    "texts": ["1", "2", "3", "4"],
}


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
def test_each_numbering_has_a_value(shop: Shop, ids: list[Any]) -> None:
    shop.renumber(categories=ids)
    assert ap50(shop.measure(shop.rows())) == pytest.approx(1)
    assert ap50(shop.measure(shop.rows(), categories="own")) == pytest.approx(1)
    for start, categories in enumerate(("index", "ultralytics")):
        rows = shop.rows(category_id=lambda _, __, cls, start=start: cls + start)
        assert ap50(shop.measure(rows, categories=categories)) == pytest.approx(1)


def test_a_number_is_taken_for_a_text_and_back(shop: Shop) -> None:
    rows = shop.rows(category_id=lambda row, *_: str(row["category_id"]))
    assert ap50(shop.measure(rows)) == pytest.approx(1)


@pytest.mark.parametrize(
    "root",
    [{"name": "insects", "supercategory": "none"}, {"name": "__background__"}, {"name": "Background"}],
    ids=["supercategory", "__background__", "Background"],
)
def test_positions_leave_out_a_category_that_heads_the_others(shop: Shop, root: dict[str, str]) -> None:
    for kind in shop.content["categories"]:
        kind["supercategory"] = "insects"
    shop.content["categories"].insert(0, {"id": 0} | root)
    rows = shop.rows(category_id=lambda _, __, cls: 1 + cls)
    assert ap50(shop.measure(rows)) == pytest.approx(1)
    assert ap50(shop.measure(rows, categories="ultralytics")) == pytest.approx(1)
    rows = shop.rows(category_id=lambda _, __, cls: cls)
    assert ap50(shop.measure(rows, categories="index")) == pytest.approx(1)
    with pytest.raises(auxhead.DataError, match="read with categories=index") as caught:
        shop.measure(rows)
    assert caught.value.fix.startswith("add categories=index")


def test_a_first_category_with_boxes_is_a_class(shop: Shop) -> None:
    shop.content["categories"][0]["name"] = "background"
    rows = shop.rows(category_id=lambda _, __, cls: cls)
    assert ap50(shop.measure(rows, categories="index")) == pytest.approx(1)


def test_ids_that_fit_two_numberings_are_held_against_the_boxes(shop: Shop) -> None:
    """A detector never finds the last class; its ids count from 0 and exist in the data's numbering as well."""
    shop.renumber(categories=[0, 1, 2, 3])
    shop.boxes = [box for box in shop.boxes if box[1] < 3]
    rows = shop.rows(category_id=lambda _, __, cls: cls + 1)
    with pytest.raises(auxhead.DataError, match="read with categories=ultralytics, and 0 as they are") as caught:
        shop.measure(rows)
    assert caught.value.fix == (
        "add categories=ultralytics if that is what they are, or categories=own if they are right"
    )
    assert ap50(shop.measure(rows, categories="ultralytics")) == pytest.approx(0.75)
    told = shop.measure(rows, categories="own")  # asked for: measured
    assert ap50(told) == 0
    assert "categories=own was asked for, but read otherwise more boxes match. The 18 best-scored" in str(told)


def test_only_the_classes_that_two_numberings_name_differently_tell_them_apart(shop: Shop) -> None:
    """Ids 1, 2, 4, 5: counted from 1 the first two are right, and most boxes with them; 4 is meant for 5."""
    shop.renumber(categories=[1, 2, 4, 5])
    shop.boxes = [box for box in shop.boxes if box[1] != 2]
    rows = shop.rows(category_id=lambda _, __, cls: cls + 1)
    with pytest.raises(auxhead.DataError, match="The 6 best-scored detections match 6 boxes") as caught:
        shop.measure(rows)
    assert "add categories=ultralytics" in caught.value.fix


def test_a_data_yaml_counts_from_0(shop: Shop, tmp_path: Any) -> None:
    write_yolo(shop, tmp_path)
    data = str(tmp_path / "data.yaml")
    rows = shop.rows(image_id=lambda _, image, __: f"img{image}", category_id=lambda _, __, cls: cls)
    for categories in ("own", "index"):
        assert ap50(shop.measure(rows, data=data, categories=categories)) == pytest.approx(1)
    with pytest.raises(auxhead.DataError, match="categories=own or categories=index"):
        shop.measure(rows, data=data, categories="ultralytics")


def test_names_in_rows_must_be_those_of_the_data(shop: Shop) -> None:
    names = ("Ant", "bee ", "cat", "dog")  # how they are written is no matter
    rows = shop.rows(category_name=lambda _, __, cls: names[cls])
    assert ap50(shop.measure(rows)) == pytest.approx(1)
    rows[2]["category_name"] = "cow"
    with pytest.raises(
        auxhead.DataError, match="row 2: category_id 3 is 'cat' in the data, but category_name is 'cow'"
    ):
        shop.measure(rows)
    shop.renumber(categories=[0, 1, 2, 3])
    shop.boxes = [box for box in shop.boxes if box[1] < 3]
    rows = shop.rows(category_id=lambda _, __, cls: cls + 1, category_name=lambda _, __, cls: names[cls])
    for keys in ({}, {"categories": "own"}):
        with pytest.raises(auxhead.DataError, match="named 'Ant', which fit categories=ultralytics only"):
            shop.measure(rows, **keys)


def test_the_way_out_fits_the_reason(shop: Shop) -> None:
    fixes = {}
    for key, value in (("image_id", 98), ("category_id", 99), ("bbox", [1, 2]), ("bbox", [9999, 0, 5, 5])):
        rows = shop.rows()
        rows[0][key] = value
        with pytest.raises(auxhead.DataError) as caught:
            shop.measure(rows)
        fixes[str(value)] = caught.value.fix
    assert len(set(fixes.values())) == 4
    assert "categories=" in fixes["99"]
    assert "[left, top, width, height]" in fixes["[1, 2]"]
    rows[0], rows[1], rows[2] = rows[1], rows[2] | {"category_id": None}, rows[3] | {"image_id": "nowhere"}
    with pytest.raises(auxhead.DataError) as caught:
        shop.measure(rows)
    assert all(one in caught.value.fix for one in ("categories=", "; predict on the images"))


def test_all_classes_are_one_on_demand(shop: Shop) -> None:
    rows = shop.rows(category_id=lambda _, __, cls: (cls + 1) % 4 + 1)
    assert ap50(shop.measure(rows)) == 0
    one = shop.measure(rows, single_cls=True)
    assert ap50(one) == pytest.approx(1)
    assert one.data["names"] == ["item"]
    assert one.data["boxes"] == 24
    rows = shop.rows(category_id=lambda *_: 0, category_name=lambda *_: "item")
    assert ap50(shop.measure(rows, single_cls=True)) == pytest.approx(1)


def test_classes_in_alphabetical_order_of_their_names_are_refused(shop: Shop) -> None:
    for kind, name in zip(shop.content["categories"], ("car", "bus", "person", "bike"), strict=True):
        kind["name"] = name
    ordered = [4, 2, 1, 3]  # bike, bus, car, person
    rows = shop.rows(category_id=lambda row, *_: 1 + ordered.index(row["category_id"]))
    with pytest.raises(auxhead.DataError, match="read with classes in alphabetical order of their names") as caught:
        shop.measure(rows)
    assert caught.value.fix.startswith("are these classes in alphabetical order of their names? write the data's")
    assert ap50(shop.measure(rows, categories="own")) == pytest.approx(0.25)  # asked for: bus alone is right


@pytest.mark.parametrize(("last", "fix"), [(60, "are these ids of COCO's 91 categories?"), (79, "write the class ind")])
def test_ids_of_cocos_91_categories_are_refused_by_that_name(shop: Shop, last: int, fix: str) -> None:
    shop.content["categories"] = [{"id": place, "name": f"thing{place}"} for place in range(80)]
    classes = (10, 20, 40, last)
    for row in shop.content["annotations"]:
        row["category_id"] = classes[row["category_id"] - 1]
    rows = shop.rows(category_id=lambda _, __, cls: coco80_to_coco91_class()[classes[cls]])
    with pytest.raises(auxhead.DataError, match="COCO's 91 categories") as caught:
        shop.measure(rows)
    assert caught.value.fix.startswith(fix)
