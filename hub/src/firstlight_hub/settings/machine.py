"""Check what ``platform.yaml`` names on this machine: files, secrets, addresses."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from firstlight_hub.settings.extra import FOLDER, extra_files
from firstlight_hub.settings.model import Settings

__all__ = ["MachineProblem", "check_machine"]


@dataclass(frozen=True)
class MachineProblem:
    """Something on this machine that does not match the configuration.

    Parameters
    ----------
    key
        The dotted key that names it.
    message, hint, example
        What is wrong, how to fix it, and a valid line.
    at
        The key whose line to name, if `key` is not in the file.
    file, line
        The file with the mistake, if that is not ``platform.yaml``.
    """

    key: str
    message: str
    hint: str
    example: str = ""
    at: str = ""
    file: Path | None = None
    line: int = 0


def check_machine(
    settings: Settings, folder: Path, environment: Mapping[str, str]
) -> Iterator[MachineProblem]:
    """Yield everything on this machine that does not match a configuration.

    Parameters
    ----------
    settings
        The configuration.
    folder
        The folder of its file.
    environment
        The environment variables of the process that will start the platform.
    """
    yield from _secret(settings, environment)
    yield from _logo(settings)
    yield from _address(settings)
    yield from _datasets(settings)
    yield from _extra(folder)


def _secret(settings: Settings, environment: Mapping[str, str]) -> Iterator[MachineProblem]:
    github = settings.identity.github
    if settings.identity.provider != "github" or github is None:
        return
    key = "identity.github.client_secret_file"
    path = github.client_secret_file
    if path is None:
        if not environment.get("GITHUB_CLIENT_SECRET", "").strip():
            yield MachineProblem(
                key,
                "Nobody could log in: no file with GitHub's client secret is set, and "
                "GITHUB_CLIENT_SECRET is not set in the environment.",
                "Write the secret to a file that only you can read, and name that file here.",
                "client_secret_file: /etc/firstlight/github-client-secret",
                at="identity.github",
            )
    elif reason := _unreadable(path):
        yield MachineProblem(
            key,
            f"Nobody could log in: the file with GitHub's client secret, {path}, {reason}.",
            "Write the secret to it, readable by the account that runs the platform, or name "
            "another file.",
            "client_secret_file: /etc/firstlight/github-client-secret",
            at=key,
        )


def _logo(settings: Settings) -> Iterator[MachineProblem]:
    path = settings.branding.logo
    if path is not None and (reason := _unreadable(path)):
        yield MachineProblem(
            "branding.logo",
            f"The logo, {path}, {reason}.",
            "Put an SVG or PNG file there, or name another.",
            "logo: /etc/firstlight/logo.svg",
            at="branding.logo",
        )


def _address(settings: Settings) -> Iterator[MachineProblem]:
    bind = settings.network.bind
    try:
        ip_address(bind)
    except ValueError:
        try:
            socket.getaddrinfo(bind, None)
        except (OSError, UnicodeError):
            yield MachineProblem(
                "network.bind",
                f'"{bind}" is neither an IP address nor the name of a machine known here.',
                "Write an IP address of this machine.",
                "bind: 127.0.0.1",
                at="network.bind",
            )


def _datasets(settings: Settings) -> Iterator[MachineProblem]:
    for position, dataset in enumerate(settings.datasets):
        wanted = {
            "felis": (dataset.felis, _unreadable),
            "catalog": (dataset.catalog, _without_tables),
            "repository": (dataset.repository, _without_butler),
        }
        for key, (path, problem_of) in wanted.items():
            if path is not None and (reason := problem_of(path)):
                yield MachineProblem(
                    f"datasets[{position}].{key}",
                    f'The {key} of the data set "{dataset.label}", {path}, {reason}.',
                    "Check the path, and that the account that runs the platform can read it.",
                    at=f"datasets.{position}.{key}",
                )


def _without_tables(folder: Path) -> str:
    """Return why a folder cannot be a catalog; an empty string if it can."""
    try:
        found = any(path.suffix == ".parquet" for path in folder.iterdir())
    except FileNotFoundError:
        return "does not exist"
    except NotADirectoryError:
        return "is not a folder"
    except OSError as error:
        return f"cannot be read: {(error.strerror or type(error).__name__).lower()}"
    return "" if found else "has no Parquet files, `<table>.parquet` for each table"


def _without_butler(folder: Path) -> str:
    """Return why a folder cannot be a Butler repository; an empty string if it can."""
    reason = _unreadable(folder / "butler.yaml")
    return f"is not a Butler repository: its butler.yaml {reason}" if reason else ""


def _extra(folder: Path) -> Iterator[MachineProblem]:
    for path in extra_files(folder):
        try:
            compile(path.read_bytes(), str(path), "exec")
        except SyntaxError as error:
            message = f"This is not valid Python: {error.msg}."
            hint = f"Fix this line, or remove the file from {FOLDER}."
            yield MachineProblem("", message, hint, file=path, line=error.lineno or 0)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            message = f"The file cannot be read: {reason.lower()}."
            yield MachineProblem("", message, f"Fix it, or remove it from {FOLDER}.", file=path)


def _unreadable(path: Path) -> str:
    """Return why a file cannot be used; an empty string if it can be read and is not empty."""
    try:
        return "" if path.read_bytes().strip() else "is empty"
    except FileNotFoundError:
        return "does not exist"
    except IsADirectoryError:
        return "is a folder"
    except OSError as error:
        return f"cannot be read: {(error.strerror or type(error).__name__).lower()}"
