"""What a repository holds, according to its registry."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pydantic import JsonValue

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
    """A kind of dataset: its storage class, and how many of them there are.

    Attributes
    ----------
    dimensions
        What a data ID needs to identify one.
    """

    name: str
    dimensions: tuple[str, ...]
    storage_class: str
    datasets: int


@dataclass(frozen=True)
class Instrument:
    """A camera, and the number of its detectors in the registry."""

    name: str
    detectors: int


@dataclass(frozen=True)
class Skymap:
    """A division of the sky into tracts, and of each tract into patches.

    Attributes
    ----------
    patches
        The largest number of patches in a tract, in x and in y.
    """

    name: str
    tracts: int
    patches: tuple[int, int]


@dataclass(frozen=True)
class Repository:
    """The content of a repository, without the datasets themselves."""

    label: str
    collections: tuple[Collection, ...]
    dataset_types: tuple[DatasetType, ...]
    instruments: tuple[Instrument, ...]
    skymaps: tuple[Skymap, ...]

    def as_json(self) -> dict[str, JsonValue]:
        """Return the description as plain data."""
        return asdict(self)
