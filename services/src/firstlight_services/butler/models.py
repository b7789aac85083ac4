"""What a repository holds, as its registry tells it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["Collection", "DatasetType", "Instrument", "Repository", "Skymap"]


@dataclass(frozen=True)
class Collection:
    """A named group of datasets.

    Attributes
    ----------
    type
        ``RUN``, ``CHAINED``, ``TAGGED`` or ``CALIBRATION``.
    children
        Members of a chain, in the order in which they are searched.
    """

    name: str
    type: str
    children: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatasetType:
    """A kind of dataset: what it is in Python, and how many there are.

    Attributes
    ----------
    dimensions
        What a data ID has to have to name one.
    """

    name: str
    dimensions: tuple[str, ...]
    storage_class: str
    datasets: int


@dataclass(frozen=True)
class Instrument:
    """A camera, and the number of detectors that the registry knows."""

    name: str
    detectors: int


@dataclass(frozen=True)
class Skymap:
    """A division of the sky into tracts, and of each tract into patches."""

    name: str
    tracts: int
    patches: tuple[int, int]
    """Patches of a tract at most, in x and y."""


@dataclass(frozen=True)
class Repository:
    """What a repository holds."""

    label: str
    collections: tuple[Collection, ...]
    dataset_types: tuple[DatasetType, ...]
    instruments: tuple[Instrument, ...]
    skymaps: tuple[Skymap, ...]

    def as_json(self) -> dict[str, object]:
        """Return it as plain data."""
        return asdict(self)
