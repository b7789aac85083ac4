"""Boxes and points on the pixel grid, with the few ``lsst.geom`` methods that notebooks use."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Box", "Extent", "Point"]


class Point(NamedTuple):
    """The position of a pixel."""

    x: int
    y: int


class Extent(NamedTuple):
    """A width and a height, in pixels."""

    x: int
    y: int


class Box(NamedTuple):
    """A rectangle of whole pixels in the coordinates of its parent image (tract or detector).

    Attributes
    ----------
    x0, y0
        Lower left pixel.
    width, height
        Size in pixels.
    """

    x0: int
    y0: int
    width: int
    height: int

    @classmethod
    def around(cls, x: float, y: float, width: int, height: int | None = None) -> Box:
        """Return the box of the given size whose centre is nearest to a position."""
        height = width if height is None else height
        return cls(round(x - (width - 1) / 2), round(y - (height - 1) / 2), width, height)

    @property
    def x1(self) -> int:
        """First column to the right of the box."""
        return self.x0 + self.width

    @property
    def y1(self) -> int:
        """First row above the box."""
        return self.y0 + self.height

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Outer edges of the pixels, as expected by ``imshow(extent=…, origin="lower")``."""
        return (self.x0 - 0.5, self.x1 - 0.5, self.y0 - 0.5, self.y1 - 0.5)

    def clipped_to(self, other: Box) -> Box:
        """Return the overlap with another box; its size may be zero."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        x1, y1 = min(self.x1, other.x1), min(self.y1, other.y1)
        return Box(x0, y0, max(0, x1 - x0), max(0, y1 - y0))

    def contains(self, other: Box) -> bool:
        """Return whether another box lies inside this one."""
        return self.clipped_to(other) == other

    def slices_in(self, parent: Box) -> tuple[slice, slice]:
        """Return the (row, column) slices that cut this box out of the parent's array."""
        x, y = self.x0 - parent.x0, self.y0 - parent.y0
        return slice(y, y + self.height), slice(x, x + self.width)

    # The method names of lsst.geom.Box2I.
    def getMinX(self) -> int:  # noqa: N802
        """Return the first column."""
        return self.x0

    def getMinY(self) -> int:  # noqa: N802
        """Return the first row."""
        return self.y0

    def getMaxX(self) -> int:  # noqa: N802
        """Return the last column."""
        return self.x1 - 1

    def getMaxY(self) -> int:  # noqa: N802
        """Return the last row."""
        return self.y1 - 1

    def getWidth(self) -> int:  # noqa: N802
        """Return the number of columns."""
        return self.width

    def getHeight(self) -> int:  # noqa: N802
        """Return the number of rows."""
        return self.height
