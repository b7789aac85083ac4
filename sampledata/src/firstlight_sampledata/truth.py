"""The true sky: stars on the stellar locus, field galaxies, a cluster and some showpieces."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from firstlight_sampledata.field import Field
from firstlight_sampledata.paint import SHOWPIECES, brightness

__all__ = ["GALAXY", "STAR", "Sky", "make_sky"]

GALAXY, STAR = 1, 2
"""The kinds of sources."""

Array = NDArray[np.float64]

_VARIABLES = 8
"""Number of variable stars."""


@dataclass
class Sky:
    """The sources of the simulated sky, one per row.

    Attributes
    ----------
    x, y
        Position in the tract's pixels.
    kind
        `GALAXY` or `STAR`.
    u, g, r, i, z, y_mag
        True AB magnitudes.
    redshift
        Zero for stars.
    disc, bulge
        Half-light radii of disc and bulge, arcseconds.
    fraction
        Fraction of the light in the bulge, in band i; bulges are redder.
    axis_ratio, angle
        Shape of the disc; the angle is from x to y in radians.
    painted
        Number of the showpiece that this source is, or -1.
    amplitude, period, phase
        Variability of the flux in all bands: half its range over its mean, days, and radians.
        Magnitudes are those of the mean flux. The amplitude is zero for constant sources.
    """

    x: Array
    y: Array
    kind: NDArray[np.int64]
    u: Array
    g: Array
    r: Array
    i: Array
    z: Array
    y_mag: Array
    redshift: Array
    disc: Array
    bulge: Array
    fraction: Array
    axis_ratio: Array
    angle: Array
    painted: NDArray[np.int64]
    amplitude: Array
    period: Array
    phase: Array

    def __len__(self) -> int:
        return len(self.x)

    def magnitude(self, band: str) -> Array:
        """Return the magnitudes of all sources in a band."""
        magnitudes = {
            "u": self.u,
            "g": self.g,
            "r": self.r,
            "i": self.i,
            "z": self.z,
            "y": self.y_mag,
        }
        return magnitudes[band]

    @property
    def is_variable(self) -> NDArray[np.bool_]:
        """Which sources vary."""
        return self.amplitude > 0

    def only(self, rows: NDArray[np.bool_]) -> Sky:
        """Return the sky with only the given sources."""
        return Sky(*(getattr(self, field.name)[rows] for field in fields(self)))

    def at(self, mjd: float) -> Sky:
        """Return the sky with the magnitudes at one time."""
        turn = 2 * np.pi * mjd / self.period + self.phase
        change = -2.5 * np.log10(1 + self.amplitude * np.sin(turn))
        bands = ("u", "g", "r", "i", "z", "y_mag")
        return replace(self, **{band: getattr(self, band) + change for band in bands})

    @classmethod
    def joined(cls, parts: list[Sky]) -> Sky:
        """Return one sky with the sources of all parts."""
        return cls(
            *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls))
        )


def make_sky(field: Field, rng: Generator) -> Sky:
    """Draw all sources of a field, from the cluster to the faintest galaxies."""
    stars = _stars(field, rng)
    parts = [_field_galaxies(field, rng), stars, _cluster(field, rng)]
    _make_variable(stars, field, rng)
    return Sky.joined([*parts, _showpieces(field)] if field.showpieces else parts)


def _places(field: Field, rng: Generator, count: int) -> tuple[Array, Array]:
    """Return random positions in the field and slightly beyond its edges."""
    box, margin = field.box, 40
    x = rng.uniform(box.x0 - margin, box.x1 + margin, count)
    y = rng.uniform(box.y0 - margin, box.y1 + margin, count)
    return x, y


def _powerlaw(rng: Generator, count: int, bright: float, faint: float, slope: float) -> Array:
    """Return random magnitudes whose number grows as ``10 ** (slope * magnitude)``."""
    low, high = 10 ** (slope * bright), 10 ** (slope * faint)
    return np.log10(rng.uniform(low, high, count)) / slope


def _field_galaxies(field: Field, rng: Generator) -> Sky:
    area = ((field.side + 80) * 0.2 / 60) ** 2
    count = int(field.density * area)
    i = _powerlaw(rng, count, 18.6, 27.0, 0.31)
    redshift = np.clip(rng.gamma(2.6, (0.10 + 0.055 * np.clip(i - 18, 0, 9)) / 1.6), 0.03, 4.0)
    red = rng.uniform(size=count) < np.clip(0.42 - 0.05 * (i - 19), 0.06, 0.42)
    # The 4000 Å break of the red sequence moves from g to i; star-forming galaxies stay blue.
    break_gr = np.interp(redshift, [0, 0.15, 0.38, 0.7, 1.2, 4], [0.65, 0.95, 1.55, 1.6, 0.9, 0.4])
    break_ri = np.interp(redshift, [0, 0.2, 0.4, 0.75, 1.1, 4], [0.32, 0.42, 0.6, 1.15, 0.9, 0.2])
    g_r = np.where(red, break_gr, 0.42 * break_gr + 0.05) + rng.normal(0, 0.10, count)
    r_i = np.where(red, break_ri, 0.50 * break_ri) + rng.normal(0, 0.07, count)
    size = 0.42 * 10 ** (-0.095 * (i - 23.0)) * rng.lognormal(0, 0.30, count)
    x, y = _places(field, rng, count)
    return _galaxies(
        x,
        y,
        i,
        g_r,
        r_i,
        redshift,
        disc=np.clip(size, 0.12, 4.0),
        fraction=np.where(red, rng.uniform(0.5, 1.0, count), rng.uniform(0.0, 0.3, count)),
        axis_ratio=rng.uniform(0.22, 1.0, count),
        angle=rng.uniform(0, np.pi, count),
    )


def _cluster(field: Field, rng: Generator) -> Sky:
    """Return a cluster of red galaxies around a giant elliptical at redshift 0.34."""
    count = 64
    size = field.side
    radius = 12 + 50 * np.abs(rng.standard_cauchy(count)) ** 0.8
    radius = np.minimum(radius, rng.uniform(0.12, 0.22, count) * size)
    turn = rng.uniform(0, 2 * np.pi, count)
    x = field.box.x0 + 0.70 * size + radius * np.cos(turn) * 1.25
    y = field.box.y0 + 0.575 * size + radius * np.sin(turn) * 0.8
    i = _powerlaw(rng, count, 18.7, 23.4, 0.24)
    x[0], y[0], i[0] = field.box.x0 + 0.70 * size, field.box.y0 + 0.575 * size, 16.7
    x[1], y[1], i[1] = x[0] + 42, y[0] - 17, 18.1
    g_r = 1.42 - 0.02 * (i - 19) + rng.normal(0, 0.03, count)
    r_i = 0.55 - 0.01 * (i - 19) + rng.normal(0, 0.02, count)
    disc = 0.75 * 10 ** (-0.14 * (i - 20.0)) * rng.lognormal(0, 0.18, count)
    disc[0] = 4.6
    axis_ratio = rng.uniform(0.5, 1.0, count)
    axis_ratio[0] = 0.72
    angle = rng.uniform(0, np.pi, count)
    angle[0] = 0.35
    return _galaxies(
        x,
        y,
        i,
        g_r,
        r_i,
        np.clip(rng.normal(0.34, 0.004, count), 0.32, 0.36),
        disc=disc,
        fraction=rng.uniform(0.75, 1.0, count),
        axis_ratio=axis_ratio,
        angle=angle,
    )


def _showpieces(field: Field) -> Sky:
    """Return the rows of the showpieces, with colours taken from their rendered light."""
    offset = np.arange(-40, 40.1, 0.4)
    sums = [
        {band: float(light.sum()) for band, light in brightness(number, offset, offset).items()}
        for number in range(len(SHOWPIECES))
    ]
    place = field.side * np.array([piece.place for piece in SHOWPIECES])
    place += np.array([piece.brightest for piece in SHOWPIECES]) / 0.2
    sky = _galaxies(
        field.box.x0 + place[:, 0],
        field.box.y0 + place[:, 1],
        np.array([piece.mag_i for piece in SHOWPIECES]),
        np.array([2.5 * np.log10(s["r"] / s["g"]) for s in sums]),
        np.array([2.5 * np.log10(s["i"] / s["r"]) for s in sums]),
        np.array([piece.redshift for piece in SHOWPIECES]),
        disc=np.array([piece.reach / 4 for piece in SHOWPIECES]),
        fraction=np.full(len(SHOWPIECES), 0.2),
        axis_ratio=np.ones(len(SHOWPIECES)),
        angle=np.zeros(len(SHOWPIECES)),
    )
    sky.painted = np.arange(len(SHOWPIECES))
    return sky


def _galaxies(
    x: Array,
    y: Array,
    i: Array,
    g_r: Array,
    r_i: Array,
    redshift: Array,
    *,
    disc: Array,
    fraction: Array,
    axis_ratio: Array,
    angle: Array,
) -> Sky:
    count = len(x)
    r = i + r_i
    g = r + g_r
    return Sky(
        x=x,
        y=y,
        kind=np.full(count, GALAXY),
        u=g + 0.9 * g_r + 0.2,
        g=g,
        r=r,
        i=i,
        z=i - 0.5 * r_i,
        y_mag=i - 0.7 * r_i,
        redshift=redshift,
        disc=disc,
        bulge=np.where(fraction > 0.5, disc, 0.45 * disc),
        fraction=fraction,
        axis_ratio=axis_ratio,
        angle=angle,
        painted=np.full(count, -1),
        amplitude=np.zeros(count),
        period=np.ones(count),
        phase=np.zeros(count),
    )


def _make_variable(stars: Sky, field: Field, rng: Generator) -> None:
    """Let the bright stars that are nearest to the centre vary: every visit shows them."""
    box = field.box
    distance = np.hypot(stars.x - box.x0 - box.width / 2, stars.y - box.y0 - box.height / 2)
    bright = (stars.r > 17.5) & (stars.r < 20.5)
    chosen = np.argsort(np.where(bright, distance, np.inf), kind="stable")[:_VARIABLES]
    chosen = chosen[bright[chosen]]
    stars.amplitude[chosen] = rng.uniform(0.15, 0.45, len(chosen))
    stars.period[chosen] = 10 ** rng.uniform(-0.3, 1.7, len(chosen))
    stars.phase[chosen] = rng.uniform(0, 2 * np.pi, len(chosen))


def _stars(field: Field, rng: Generator) -> Sky:
    count = field.stars
    i = _powerlaw(rng, count, 16.6, 25.4, 0.13)
    # Most are M dwarfs; some are hot. The locus bends where molecular bands dominate (g-r = 1.4).
    g_i = np.where(
        rng.uniform(size=count) < 0.45, rng.normal(0.55, 0.28, count), rng.uniform(0.7, 3.0, count)
    )
    g_i[rng.uniform(size=count) < 0.06] = -0.35
    g_r = np.interp(g_i, [-0.6, 0.5, 1.9, 3.2], [-0.42, 0.37, 1.38, 1.46])
    g_r = g_r + rng.normal(0, 0.015, count)
    r = i + (g_i - g_r)
    x, y = _places(field, rng, count)
    zero = np.zeros(count)
    g = r + g_r
    return Sky(
        x=x,
        y=y,
        kind=np.full(count, STAR),
        u=g + 1.2 * g_r + 0.6,
        g=g,
        r=r,
        i=i,
        z=i - 0.55 * (r - i),
        y_mag=i - 0.75 * (r - i),
        redshift=zero,
        disc=zero,
        bulge=zero,
        fraction=zero,
        axis_ratio=np.ones(count),
        angle=zero,
        painted=np.full(count, -1),
        amplitude=np.zeros(count),
        period=np.ones(count),
        phase=np.zeros(count),
    )
