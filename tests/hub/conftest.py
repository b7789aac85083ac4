"""Here, as in the components under test, blocking the event loop is an error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.no_blocking.loop_guard import guarded_loop


@pytest.fixture(autouse=True)
def _no_blocking() -> Iterator[None]:
    with guarded_loop():
        yield
