"""The section ``datasets``: what a site offers, and where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from firstlight_common.runtime import DataSet, Position, sample_folder
from firstlight_common.section import Section, misfit
from firstlight_hub.settings.paths import FilePath

__all__ = ["SAMPLE", "DataSetSettings", "SkyPosition", "resolve_datasets"]


class SkyPosition(Section):
    """A position on the sky."""

    ra: float = Field(description="Right ascension, degrees, ICRS.", ge=0, lt=360, examples=[62.0])
    dec: float = Field(description="Declination, degrees, ICRS.", ge=-90, le=90, examples=[-37.0])


class DataSetSettings(Section):
    """A data set: catalogs, images, or both, under one label."""

    label: str = Field(
        description="Its name in addresses and notebooks: `Butler(LABEL)`.",
        pattern=r"^[a-z][a-z0-9_-]{0,30}$",
        examples=["dp1"],
    )
    title: str = Field(
        "", description="What people call it. Unset: its label.", max_length=80, examples=["DP1"]
    )
    sample: bool = Field(
        False,
        description="Whether it is the simulated sample, which the platform makes at its first "
        "start; leave its files unset.",
    )
    felis: FilePath | None = Field(
        None,
        description="The Felis file that describes its catalogs.",
        examples=["/data/dp1/dp1.yaml"],
    )
    catalog: FilePath | None = Field(
        None,
        description="The folder with its catalogs, one `<table>.parquet` for each table of the "
        "Felis file.",
        examples=["/data/dp1/catalogs"],
    )
    repository: FilePath | None = Field(
        None,
        description="The folder of its Butler repository, with `butler.yaml`.",
        examples=["/data/dp1/butler"],
    )
    collections: tuple[str, ...] = Field(
        (),
        description="The Butler collections to start from.",
        examples=[["LSSTComCam/DP1"]],
    )
    position: SkyPosition | None = Field(
        None, description="A position to start from, where there is something to see."
    )

    @model_validator(mode="after")
    def _files_fit(self) -> Self:
        files = {"felis": self.felis, "catalog": self.catalog, "repository": self.repository}
        named = [key for key, path in files.items() if path]
        if self.sample and named:
            raise misfit(
                "The platform makes the files of the sample itself.",
                named[0],
                hint=f"Leave out {' and '.join(named)}, or sample.",
            )
        if self.sample:
            return self._with_the_samples_defaults()
        if not (self.catalog or self.felis or self.repository):
            raise misfit(
                f'The data set "{self.label}" has neither catalogs nor images.',
                "catalog",
                at="label",
                hint="Set catalog and felis, or repository, or sample: true.",
                example="catalog: /data/dp1/catalogs",
            )
        if (self.catalog is None) != (self.felis is None):
            missing, present = ("felis", "catalog") if self.catalog else ("catalog", "felis")
            raise misfit(
                f"{present} is set, and {missing} is not; catalogs need both.",
                missing,
                at=present,
                hint="Set both, or neither.",
                example=f"{missing}: /data/dp1/{'dp1.yaml' if missing == 'felis' else 'catalogs'}",
            )
        return self

    def _with_the_samples_defaults(self) -> Self:
        """Set what the file leaves out and the platform knows of its own sample."""
        known = {"title": _SAMPLE_TITLE, "collections": _SAMPLE_RUNS, "position": _SAMPLE_POSITION}
        for key, value in known.items():
            if key not in self.model_fields_set:
                object.__setattr__(self, key, value)
        return self


_SAMPLE_TITLE = "Data Preview 0.1: simulated images and catalogs"
_SAMPLE_RUNS = ("2.2i/runs/DP0.1",)
_SAMPLE_POSITION = SkyPosition(ra=62.0, dec=-37.0)

SAMPLE = DataSetSettings(label="dp01", sample=True)
"""The default: a simulated field in the tables and collections of Data Preview 0.1."""


def resolve_datasets(
    settings: tuple[DataSetSettings, ...], state_dir: Path, sample_felis: Path | None
) -> tuple[DataSet, ...]:
    """Return the data sets of a run, with all paths resolved.

    Parameters
    ----------
    state_dir
        The platform's state directory, where the sample and the query engine's files are.
    sample_felis
        The Felis file that describes the sample's catalogs, if the catalog service is installed.
    """
    return tuple(_resolve(one, state_dir, sample_felis) for one in settings)


def _resolve(settings: DataSetSettings, state_dir: Path, sample_felis: Path | None) -> DataSet:
    sample = sample_folder(state_dir)
    felis = sample_felis if settings.sample else settings.felis
    return DataSet(
        label=settings.label,
        title=settings.title or settings.label,
        felis=felis,
        catalog=sample / "catalog" if settings.sample else settings.catalog,
        store=state_dir / "data" / "catalog" / settings.label if felis else None,
        repository=sample / "butler" if settings.sample else settings.repository,
        collections=settings.collections,
        position=Position(ra=settings.position.ra, dec=settings.position.dec)
        if settings.position
        else None,
        sample=settings.sample,
    )
