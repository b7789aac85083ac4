"""Showpieces: spiral galaxies with arms, dust and young clusters, and gravitational arcs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["SHOWPIECES", "Arc", "Showpiece", "Spiral", "brightness"]

Array = NDArray[np.float64]
_BANDS = ("u", "g", "r", "i", "z", "y")


def _light(g_r: float, r_i: float) -> dict[str, float]:
    """Return the fluxes relative to band i for given colours."""
    from_i = {
        "u": 1.9 * g_r + r_i + 0.2,
        "g": g_r + r_i,
        "r": r_i,
        "i": 0.0,
        "z": -0.5 * r_i,
        "y": -0.7 * r_i,
    }
    return {band: 10 ** (-0.4 * colour) for band, colour in from_i.items()}


_OLD = _light(0.82, 0.40)
_DISC = _light(0.55, 0.27)
_YOUNG = _light(-0.02, -0.02)
_HYDROGEN = {"u": 0.35, "g": 0.45, "r": 1.0, "i": 0.30, "z": 0.25, "y": 0.15}


@dataclass(frozen=True)
class Showpiece:
    """A source that is drawn pixel by pixel.

    Attributes
    ----------
    place
        Position of its centre in the field, as fractions of the field's side.
    mag_i
        Total magnitude in band i.
    redshift
        Redshift for the truth table.
    reach
        Radius of the drawing, arcseconds.
    """

    place: tuple[float, float]
    mag_i: float
    redshift: float
    reach: float

    @property
    def brightest(self) -> tuple[float, float]:
        """Offset of the brightest point from the centre, arcseconds along x and y."""
        return 0.0, 0.0

    def colours(self, dx: Array, dy: Array, rng: Generator) -> dict[str, Array]:
        """Return the surface brightness in each band at offsets in arcseconds.

        Offsets are along the tract's axes: x to the west, y to the north.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Spiral(Showpiece):
    """A disc with logarithmic spiral arms.

    Attributes
    ----------
    scale
        Scale length of the disc, arcseconds.
    arms, pitch
        Number of arms and their pitch angle, degrees; its sign gives the winding direction.
    inclination, angle
        Orientation of the disc, degrees.
    bar
        Half the length of the bar, arcseconds; zero for no bar.
    """

    scale: float
    arms: int
    pitch: float
    inclination: float
    angle: float
    bar: float = 0.0
    bulge: float = 0.16

    def colours(self, dx: Array, dy: Array, rng: Generator) -> dict[str, Array]:
        """Draw the bulge, disc, arms, dust lanes, young clusters and glowing hydrogen."""
        turn, tilt = np.radians(self.angle), np.cos(np.radians(self.inclination))
        along = dx * np.cos(turn) + dy * np.sin(turn)
        across = (-dx * np.sin(turn) + dy * np.cos(turn)) / max(tilt, 0.16)
        radius = np.hypot(along, across) + 1e-6
        theta = np.arctan2(across, along)
        wind = np.log(radius / self.scale) / np.tan(np.radians(self.pitch))
        ripple = 0.35 * np.sin(2.3 * np.log(radius / self.scale + 0.2) * 3 + theta)
        phase = self.arms * (theta - wind) + ripple
        grown = 1 / (1 + np.exp(-(radius - 0.75 * self.scale) / (0.18 * self.scale)))
        crest = np.exp(2.6 * (np.cos(phase) - 1)) * grown
        lane = np.exp(6.0 * (np.cos(phase + 0.75) - 1)) * grown
        disc = np.exp(-radius / self.scale) / (2 * np.pi * self.scale**2)
        disc = disc / (1 + np.exp((radius - 5.2 * self.scale) / (0.5 * self.scale)))
        bulge_radius = np.hypot(along, across * max(tilt, 0.62)) / (0.26 * self.scale) + 0.04
        bulge = np.exp(-4.0 * bulge_radius**0.5) / (0.26 * self.scale) ** 2 * 3.2 * self.bulge
        if self.bar:
            bulge = bulge + 0.55 * disc.max() * np.exp(
                -(np.abs(along / self.bar) ** 4) - (across / (0.26 * self.bar)) ** 2
            )
        knots, glow = self._clusters(along, across, rng)
        dust = {"u": 0.72, "g": 0.62, "r": 0.46, "i": 0.34, "z": 0.27, "y": 0.23}
        return {
            band: bulge * _OLD[band] * (1 - 0.3 * dust[band] * lane)
            + disc
            * (
                0.62 * _DISC[band] * (1 - dust[band] * lane)
                + 1.55 * crest * _light(0.22, 0.10)[band] * (1 - 0.4 * dust[band] * lane)
            )
            + knots * _YOUNG[band]
            + glow * _HYDROGEN[band]
            for band in _BANDS
        }

    def _clusters(self, along: Array, across: Array, rng: Generator) -> tuple[Array, Array]:
        """Place young clusters and hydrogen clouds at random along the arms."""
        knots, glow = np.zeros_like(along), np.zeros_like(along)
        steps = np.array([np.diff(along[:2, :2], axis=k)[0, 0] for k in (0, 1)])
        steps = np.array([steps, [np.diff(across[:2, :2], axis=k)[0, 0] for k in (0, 1)]])
        to_pixels = np.linalg.inv(steps)
        corner = np.array([along[0, 0], across[0, 0]])
        for number in range(150):
            arm = rng.integers(self.arms)
            radius = self.scale * rng.uniform(0.75, 3.9)
            wind = np.log(radius / self.scale) / np.tan(np.radians(self.pitch))
            theta = wind + 2 * np.pi * arm / self.arms + rng.normal(0, 0.15)
            x, y = radius * np.cos(theta), radius * np.sin(theta)
            width = rng.uniform(0.16, 0.60) * (self.scale / 4.0) ** 0.5
            power = rng.lognormal(0, 0.9) * np.exp(-radius / (1.6 * self.scale)) * 0.0030
            middle = to_pixels @ (np.array([x, y]) - corner)
            # Each is drawn only where there is anything of it.
            reach = 5 * width * np.hypot(to_pixels[:, 0], to_pixels[:, 1])
            low, high = np.maximum(middle - reach, 0).astype(int), middle + reach + 2
            window = slice(low[0], max(int(high[0]), 0)), slice(low[1], max(int(high[1]), 0))
            square = (along[window] - x) ** 2 + (across[window] - y) ** 2
            blob = power / (2 * np.pi * width**2) * np.exp(-0.5 * square / width**2)
            if number % 4:
                knots[window] += blob
            else:
                glow[window] += 0.8 * blob
        return knots, glow


@dataclass(frozen=True)
class Arc(Showpiece):
    """A distant blue galaxy, distorted into an arc by the gravity of a cluster.

    Attributes
    ----------
    radius, middle, length
        Radius (arcseconds), central angle and angular length (degrees) of the arc around ``place``.
    """

    radius: float
    middle: float
    length: float
    width: float = 0.26

    @property
    def brightest(self) -> tuple[float, float]:
        """Offset of the middle of the arc from the centre, arcseconds along x and y."""
        middle = np.radians(self.middle)
        return float(self.radius * np.cos(middle)), float(self.radius * np.sin(middle))

    def colours(self, dx: Array, dy: Array, rng: Generator) -> dict[str, Array]:
        """Draw the arc with uneven brightness."""
        theta = np.arctan2(dy, dx) - np.radians(self.middle)
        theta = (theta + np.pi) % (2 * np.pi) - np.pi
        span = np.radians(self.length) / 2
        uneven = 1 + 0.5 * np.sin(theta / span * 5 + rng.uniform(0, 6))
        body = np.exp(-((theta / span) ** 4))
        distance = (np.hypot(dx, dy) - self.radius) / self.width
        shape = uneven * body * np.exp(-0.5 * distance**2)
        return {band: shape * _light(0.05, 0.02)[band] for band in _BANDS}


SHOWPIECES: tuple[Showpiece, ...] = (
    Spiral((0.285, 0.545), 15.15, 0.021, 40.0, 5.8, 2, 17.0, 33.0, 24.0),
    Spiral((0.62, 0.225), 16.3, 0.034, 30.0, 3.5, 3, -19.0, 58.0, -35.0),
    Spiral((0.145, 0.17), 17.2, 0.052, 24.0, 2.3, 2, 16.0, 22.0, 70.0, bar=2.0, bulge=0.12),
    Spiral((0.88, 0.42), 17.3, 0.061, 24.0, 2.7, 2, 15.0, 80.0, 118.0, bulge=0.2),
    Spiral((0.43, 0.90), 18.0, 0.083, 16.0, 1.5, 2, -18.0, 40.0, 140.0),
    Spiral((0.40, 0.36), 18.5, 0.11, 13.0, 1.25, 2, 20.0, 52.0, 10.0),
    Arc((0.70, 0.575), 20.8, 1.62, 14.0, 9.6, 205.0, 58.0),
    Arc((0.70, 0.575), 22.1, 1.62, 14.0, 10.4, 38.0, 22.0),
    Arc((0.70, 0.575), 22.4, 2.31, 18.0, 13.4, 118.0, 24.0, 0.22),
)
"""The galaxies and arcs that are painted one by one."""


def brightness(number: int, dx: Array, dy: Array) -> dict[str, Array]:
    """Return the light of a showpiece in each band, always the same for the same number.

    Parameters
    ----------
    dx, dy
        Offsets from its brightest point in arcseconds: two axes that span a grid, or two grids.
    """
    if dx.ndim == 1:
        dx, dy = np.meshgrid(dx, dy)
    piece = SHOWPIECES[number]
    x, y = piece.brightest
    return piece.colours(dx + x, dy + y, np.random.default_rng(number))
