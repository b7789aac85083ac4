"""The catalog pages: browse tables, try a cone search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlencode

from firstlight_common.runtime import DataSet
from firstlight_services.portal.catalog import CatalogClient
from firstlight_services.portal.login import SessionHandler
from firstlight_services.portal.models import ConeForm, Rows, Table
from firstlight_services.portal.pages import PageHandler
from firstlight_services.portal.policy import (
    HOME,
    MAX_ROWS,
    cone_adql,
    cone_form,
    find_table,
    python_snippet,
    read_cone,
    with_catalogs,
)
from firstlight_services.portal.service import Portal
from firstlight_services.web import Kind, ServiceError

__all__ = ["CatalogHandler", "CatalogPage", "ConeHandler", "RootHandler"]


@dataclass(frozen=True)
class CatalogPage:
    """What the catalog pages show.

    Attributes
    ----------
    data_sets
        The data sets with catalogs.
    rows, problem
        The result of a search, or why there is none.
    adql
        The search as a query; empty if there was none.
    """

    template: ClassVar[str] = "catalog.html"
    data_sets: tuple[DataSet, ...]
    tables: tuple[Table, ...]
    form: ConeForm
    rows: Rows | None = None
    problem: ServiceError | None = None
    adql: str = ""

    @property
    def searchable(self) -> list[Table]:
        """The tables that have positions to search around."""
        return [table for table in self.tables if table.position]

    @property
    def snippet(self) -> str:
        """The query, for a notebook."""
        return python_snippet(self.adql)

    @property
    def max_rows(self) -> int:
        """How many rows a search shows."""
        return MAX_ROWS


class RootHandler(PageHandler[Portal]):
    """``/portal/``: leads to the catalogs."""

    async def get(self) -> None:
        """Redirect to the catalog pages."""
        self.redirect(HOME)


class CatalogPageHandler(SessionHandler):
    """What the catalog pages share: they require a login, and a site that offers them."""

    requires_login = True

    async def prepare(self) -> None:
        """Refuse the request where there are no catalog pages; log in people who are not."""
        if self.service.catalog is None:
            raise _not_offered()
        try:
            await super().prepare()
        except ServiceError as error:
            if error.kind is not Kind.UNAUTHENTICATED or self.request.method != "GET":
                raise
            self.redirect("/portal/login?" + urlencode({"next": self.request.uri or HOME}))

    @property
    def catalog(self) -> CatalogClient:
        """The client of the catalog service.

        Raises
        ------
        ServiceError
            NOT_FOUND if this site does not offer catalog pages.
        """
        if self.service.catalog is None:
            raise _not_offered()
        return self.service.catalog

    @property
    def data_sets(self) -> tuple[DataSet, ...]:
        """The site's data sets with catalogs."""
        return with_catalogs(self.context.runtime.datasets)

    async def tables(self) -> tuple[Table, ...]:
        """Return the tables that the person may see."""
        return await self.catalog.tables(self.token) if self.data_sets else ()

    def form(self) -> ConeForm:
        """Return the fields of the cone search form, as typed."""
        typed: dict[str, str] = {
            name: self.get_query_argument(name)[:100]
            for name in ("table", "ra", "dec", "radius")
            if name in self.request.query_arguments
        }
        return cone_form(typed, self.data_sets)


class CatalogHandler(CatalogPageHandler):
    """``/portal/app``: tables and columns."""

    async def get(self) -> None:
        """Show the tables."""
        self.render_page(CatalogPage(self.data_sets, await self.tables(), self.form()))


class ConeHandler(CatalogPageHandler):
    """``/portal/cone``: runs a cone search and shows the first rows.

    The search is a GET: it changes nothing, and its address can be kept and sent to a colleague.
    """

    async def get(self) -> None:
        """Run the search; errors in the form are shown on the same page."""
        form = self.form()
        tables = await self.tables()
        rows: Rows | None = None
        problem: ServiceError | None = None
        adql = ""
        try:
            cone = read_cone(form.table, form.ra, form.dec, form.radius)
            adql = cone_adql(cone, find_table(tables, cone.table))
            rows = await self.catalog.query(self.token, adql)
        except ServiceError as error:
            if error.kind in (Kind.FORBIDDEN, Kind.UNAVAILABLE):
                raise
            self.set_status(error.kind.value)
            problem = error
        self.render_page(CatalogPage(self.data_sets, tables, form, rows, problem, adql))


def _not_offered() -> ServiceError:
    return ServiceError(
        "portal_off",
        "This site does not offer catalog pages.",
        hint="Use the catalogs from your notebooks instead.",
        kind=Kind.NOT_FOUND,
    )
