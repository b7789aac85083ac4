"""Make blocking calls of ours on an event loop an error, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from blockbuster import BlockBuster

__all__ = ["guard_loop", "guarded_loop"]

OURS = ("firstlight_hub", "firstlight_services")

#: Where a program begins: these are below everything on the stack, and so would blame ours for
#: whatever JupyterHub and tornado do on their own. What they run before they serve may block.
BEGINNINGS = ("__main__.py", "app.py", "portal/standby.py", "web/serve.py")

ALLOWED = {
    # JupyterHub reads its configuration inside the loop, but before it serves.
    "jupyterhub/app.py": {"initialize"},
    # Asks the disk that the hub's own database blocks on anyway; templates cannot await it.
    "firstlight_hub/pages/site.py": {"disk_is_full"},
    # Prepares a test.
    "firstlight_services/web/testing.py": {"write_run"},
    # Templates of ours have jinja2 read other templates when they are first shown, and tornado
    # read a static file for the version in its address.
    "tornado/web.py": {"make_static_url"},
    "jinja2/loaders.py": {"get_source", "uptodate"},
}

#: JupyterHub's database session is synchronous and belongs to the loop, wherever it is used from.
#: So only these may not wait for a database.
WITHOUT_DATABASE = ("firstlight_hub.people", "firstlight_services")


def guard_loop() -> list[BlockBuster]:
    """Raise `blockbuster.BlockingError` wherever our code blocks an event loop, from now on."""
    guards = [_guard(OURS, database=False), _guard(WITHOUT_DATABASE, database=True)]
    for guard in guards:
        guard.activate()
    return guards


@contextmanager
def guarded_loop() -> Iterator[None]:
    """Guard the event loop of a test."""
    guards = guard_loop()
    try:
        yield
    finally:
        for guard in reversed(guards):
            guard.deactivate()


def _guard(modules: tuple[str, ...], *, database: bool) -> BlockBuster:
    guard = BlockBuster(modules, excluded_modules=[*_beginnings()])
    for name in list(guard.functions):
        if name.startswith("sqlite3.") != database:
            del guard.functions[name]
    for function in guard.functions.values():
        for file, names in ALLOWED.items():
            function.can_block_in(file, names)
    return guard


def _beginnings() -> Iterator[ModuleType]:
    """Yield something like each module of `BEGINNINGS`; importing them would start them."""
    for package in OURS:
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        for path in sorted(Path(spec.origin).parent.rglob("*.py")):
            if path.as_posix().endswith(tuple(f"/{name}" for name in BEGINNINGS)):
                module = ModuleType(path.stem)
                module.__file__ = str(path)
                yield module
