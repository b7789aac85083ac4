"""Alembic's entry point, which runs on the connection that `upgrade` passes in."""

from __future__ import annotations

from alembic import context

from firstlight_hub.people.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table="people_version",
    render_as_batch=True,
)
context.run_migrations()
