"""Read a repository's registry through the Butler; nothing here can write to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from firstlight_services.butler.models import (
    Collection,
    DatasetType,
    Instrument,
    Repository,
    Skymap,
)

if TYPE_CHECKING:
    from lsst.daf.butler import Butler, CollectionInfo

__all__ = ["Stamp", "read", "stamp"]

Stamp = tuple[tuple[int, int, int], ...]
"""When the files of a registry last changed; equal stamps mean equal content."""

_CONFIGURATION = "butler.yaml"
_REGISTRY = "gen3.sqlite3"


def stamp(folder: Path) -> Stamp | None:
    """Return the stamp of the repository in a folder, or None if there is none."""
    found = []
    for name in (_CONFIGURATION, _REGISTRY):
        try:
            status = (folder / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        # The inode distinguishes a repository that replaced another.
        found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


def read(folder: Path, label: str) -> Repository:
    """Read what a repository holds; takes a second, so call it in a thread.

    Notes
    -----
    The import alone takes a second or more. It waits for the first request, so that this process
    answers health checks at once. With ``writeable=False`` the Butler opens SQLite's file with
    ``mode=ro``: the database itself refuses to write. Without a datastore, no file of the
    repository is opened, and the Python types of its storage classes, which only labs have, are
    not needed here.
    """
    from lsst.daf.butler import Butler

    butler = Butler.from_config(
        str(folder / _CONFIGURATION), writeable=False, without_datastore=True
    )
    try:
        return _describe(butler, label)
    finally:
        butler.close()


def _describe(butler: Butler, label: str) -> Repository:
    infos = sorted(
        butler.collections.query_info("*", include_summary=True), key=lambda info: info.name
    )
    return Repository(
        label=label,
        collections=tuple(
            Collection(info.name, info.type.name, tuple(info.children)) for info in infos
        ),
        dataset_types=_dataset_types(butler, infos),
        instruments=tuple(
            Instrument(record.name, _detectors(butler, record.name))
            for record in butler.query_dimension_records("instrument", explain=False)
        ),
        skymaps=tuple(
            Skymap(record.name, record.tract_max, (record.patch_nx_max, record.patch_ny_max))
            for record in butler.query_dimension_records("skymap", explain=False)
        ),
    )


def _detectors(butler: Butler, instrument: str) -> int:
    # The instrument's own `detector_max` is only an upper bound.
    with butler.query() as query:
        return int(query.dimension_records("detector").where(instrument=instrument).count())


def _dataset_types(butler: Butler, infos: list[CollectionInfo]) -> tuple[DatasetType, ...]:
    found = []
    for kind in sorted(butler.registry.queryDatasetTypes("*"), key=lambda kind: kind.name):
        # Each dataset is in exactly one run, so counting in runs counts nothing twice.
        runs = [
            info.name
            for info in infos
            if info.type.name == "RUN" and kind.name in info.dataset_types
        ]
        number = 0
        if runs:
            with butler.query() as query:
                number = query.datasets(kind.name, collections=runs, find_first=False).count()
        found.append(
            # The name of the storage class, not the class: it may be one that only labs know.
            DatasetType(
                kind.name, tuple(kind.dimensions.required), kind.storageClass_name, int(number)
            )
        )
    return tuple(found)
