"""The portal's two components; loaded by the hub, so this imports no server."""

from __future__ import annotations

from firstlight_common.components import Component, HubService, Page
from firstlight_services.portal.settings import PortalSettings

__all__ = ["CATALOG_SERVICE", "COMPONENT", "ERROR_PAGES"]

CATALOG_SERVICE = "tap"
"""The component whose tables the catalog pages show."""

COMPONENT = Component(
    name="portal",
    path="/portal/",
    more_paths=("/",),
    command=("{python}", "-m", "firstlight_services.portal", "--state-dir", "{state_dir}"),
    hub_service=HubService(allows="use the catalog pages", acts_at=(CATALOG_SERVICE,)),
    page=Page(
        title="Catalogs",
        description="Browse tables and columns, try a cone search, and use the query in your "
        "notebook.",
        path="app",
        needs=(CATALOG_SERVICE,),
    ),
    settings=PortalSettings,
    # The landing page is always there; the settings decide on the catalog pages.
    runs="always",
)
"""The landing page and the catalog pages."""

ERROR_PAGES = Component(
    name="error-pages",
    path="/_error/",
    more_paths=("/assets/",),
    command=("{python}", "-m", "firstlight_services.portal.standby", "--state-dir", "{state_dir}"),
    runs="always",
)
"""What the proxy shows while any other component is unavailable, with the stylesheet and scripts
of all pages: a process of its own, so that the front page has an error page too."""
