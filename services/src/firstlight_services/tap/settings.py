"""The settings of the catalog service: its section ``services.tap`` in ``platform.yaml``."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from firstlight_common.section import Section, misfit
from firstlight_common.units import Bytes, Duration

__all__ = ["TapSettings"]


class TapSettings(Section):
    """Catalogs through the Table Access Protocol."""

    enabled: bool = Field(True, description="Whether the service runs.")
    default_rows: int = Field(
        100_000,
        description="Rows in an answer when the query sets no limit. Unset: no more than "
        "`services.tap.max_rows`.",
        gt=0,
    )
    max_rows: int = Field(5_000_000, description="Maximum number of rows in an answer.", gt=0)
    timeout: Duration = Field(
        timedelta(minutes=5), description="How long a synchronous query may run."
    )
    threads: int = Field(2, description="Threads of the query engine.", gt=0)
    memory: Bytes = Field(2 * 1024**3, description="Memory of the query engine.", examples=["2Gi"])

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        if self.default_rows <= self.max_rows:
            return self
        if "default_rows" in self.model_fields_set:
            raise misfit(
                f"A query that sets no limit would get {self.default_rows} rows, but no answer "
                f"may have more than {self.max_rows} (max_rows).",
                "default_rows",
                hint="Make default_rows smaller, or max_rows larger.",
                example=f"default_rows: {self.max_rows}",
            )
        object.__setattr__(self, "default_rows", self.max_rows)  # a default follows its limit
        return self
