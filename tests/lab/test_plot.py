"""Figures, drawn in the labs' environment, which has matplotlib."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.simulated import RunInLab

FIGURE = """
import json
import matplotlib.pyplot as plt, numpy as np
from matplotlib.patches import Ellipse
from firstlight_lab.geometry import Box
from firstlight_lab.plot import plot_shape, plot_sky
from firstlight_lab.skymap import SkyMap

tract = SkyMap().tract(3828)
box = Box.around(13999, 13999, 100, 60)
figure, axes = plt.subplots(subplot_kw={"projection": tract.wcs})
plot_sky(axes, np.zeros((60, 100, 3)), box)
row = {"x": 14000.0, "y": 13990.0, "Ixx_pixel": 9.0, "Iyy_pixel": 4.0, "Ixy_pixel": 2.0}
plot_shape(axes, row, sigmas=(1, 2))

figure.canvas.draw()
world = axes.get_transform("world").transform([(tract.ra, tract.dec)])[0]
shapes = [p for p in axes.patches if isinstance(p, Ellipse)]
print(json.dumps({
    "limits": [*axes.get_xlim(), *axes.get_ylim()],
    "middle": list(axes.transData.inverted().transform(world)),
    "labels": [c.get_axislabel() for c in axes.coords],
    "cross": [float(v[0]) for v in axes.lines[0].get_data()],
    "ellipses": [[*e.center, e.width, e.height, float(e.angle)] for e in shapes],
}))
"""


def test_sky_and_shape_are_drawn_in_the_tracts_pixels(in_lab: RunInLab) -> None:
    figure = json.loads(in_lab(FIGURE))

    assert figure["limits"] == [13949.5, 14049.5, 13969.5, 14029.5]
    assert figure["middle"] == pytest.approx([13999, 13999], abs=1e-3)
    assert all("ICRS" in label for label in figure["labels"])
    assert figure["cross"] == [14000.0, 13990.0]
    one, two = figure["ellipses"]
    assert one[:2] == [14000.0, 13990.0]
    assert np.array(two[2:4]) == pytest.approx(2 * np.array(one[2:4]))
    turn = np.radians(one[4])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moments = rotation @ np.diag((np.array(one[2:4]) / 2) ** 2) @ rotation.T
    assert moments == pytest.approx(np.array([[9, 2], [2, 4]]))
