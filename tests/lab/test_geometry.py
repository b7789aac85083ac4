from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from firstlight_lab.geometry import Box

boxes = st.builds(
    Box,
    st.integers(-50, 50),
    st.integers(-50, 50),
    st.integers(1, 40),
    st.integers(1, 40),
)


@given(boxes, boxes)
def test_what_two_boxes_share_lies_in_both(one: Box, other: Box) -> None:
    shared = one.clipped_to(other)

    assert shared.width * shared.height == len(pixels(one) & pixels(other))
    if shared.width and shared.height:
        assert pixels(shared) == pixels(one) & pixels(other)


@given(boxes, boxes)
def test_a_box_contains_another_if_it_has_all_its_pixels(one: Box, other: Box) -> None:
    assert one.contains(other) == (pixels(other) <= pixels(one))


@given(boxes, st.data())
def test_slices_cut_the_boxs_pixels_out_of_the_parents_array(
    parent: Box, data: st.DataObject
) -> None:
    x0 = data.draw(st.integers(parent.x0, parent.x1 - 1))
    y0 = data.draw(st.integers(parent.y0, parent.y1 - 1))
    box = Box(x0, y0, parent.x1 - x0, parent.y1 - y0)
    y, x = np.mgrid[parent.y0 : parent.y1, parent.x0 : parent.x1]

    cut = box.slices_in(parent)

    assert (x[cut].min(), x[cut].max()) == (box.getMinX(), box.getMaxX())
    assert (y[cut].min(), y[cut].max()) == (box.getMinY(), box.getMaxY())
    assert x[cut].shape == (box.getHeight(), box.getWidth())


@given(st.floats(-1000, 1000), st.floats(-1000, 1000), st.integers(1, 60), st.integers(1, 60))
def test_a_box_around_a_position_has_it_in_its_middle(
    x: float, y: float, width: int, height: int
) -> None:
    box = Box.around(x, y, width, height)

    assert (box.width, box.height) == (width, height)
    assert abs((box.x0 + box.x1 - 1) / 2 - x) <= 0.5 + 1e-9
    assert abs((box.y0 + box.y1 - 1) / 2 - y) <= 0.5 + 1e-9


def test_extent_is_the_outer_edges_of_the_pixels() -> None:
    assert Box(10, 20, 3, 4).extent == (9.5, 12.5, 19.5, 23.5)


def pixels(box: Box) -> set[tuple[int, int]]:
    return {(x, y) for x in range(box.x0, box.x1) for y in range(box.y0, box.y1)}
