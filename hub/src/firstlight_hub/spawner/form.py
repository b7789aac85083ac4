"""The form that starts a lab: a card for each size, and the options."""

from __future__ import annotations

from html import escape

from firstlight_hub.settings.model import Labs, LabSize
from firstlight_hub.spawner.choices import DEBUG, RESET

__all__ = ["in_words", "memory_in_words", "options_form"]

_OPTIONS = (
    (
        RESET,
        "Reset my environment",
        "Moves what you installed and configured to a folder .user_env.TIME in your home.",
    ),
    (DEBUG, "Debug messages", "Writes more to your lab's log, for whoever looks into a problem."),
)


def options_form(labs: Labs, last: str | None = None) -> str:
    """Return the form's fields.

    Parameters
    ----------
    labs
        The sizes that are offered.
    last
        The size that this person chose last; it is preselected.
    """
    names = {size.name for size in labs.sizes}
    chosen = last if last in names else labs.default_size
    cards = "\n".join(_card(size, checked=size.name == chosen) for size in labs.sizes)
    options = "\n".join(_option(*option) for option in _OPTIONS)
    return (
        f'<fieldset class="fl-sizes">\n<legend>Choose a size</legend>\n{cards}\n</fieldset>\n'
        f'<details class="fl-options">\n<summary>Options</summary>\n{options}\n</details>'
    )


def in_words(size: LabSize) -> str:
    """Return a description of a size, such as ``2 cores, 4 GiB of memory``."""
    cores = f"{size.cpu:g} core{'s' * (size.cpu != 1)}"
    return f"{cores}, {memory_in_words(size.memory)} of memory"


def memory_in_words(size: int) -> str:
    """Return a number of bytes in words, such as ``4 GiB``."""
    gib = size / 1024**3
    return f"{gib:.3g} GiB" if gib >= 1 else f"{size / 1024**2:.0f} MiB"


def _card(size: LabSize, *, checked: bool) -> str:
    name, mark = escape(size.name), " checked" if checked else ""
    purpose = f'<span class="fl-muted">{escape(size.purpose)}</span>' if size.purpose else ""
    return (
        f'<label class="fl-size" for="size-{name}">'
        f'<input type="radio" name="size" id="size-{name}" value="{name}"{mark} required>'
        f"<strong>{escape(size.title)}</strong>"
        f"<span>{escape(in_words(size))}</span>{purpose}</label>"
    )


def _option(name: str, title: str, purpose: str) -> str:
    return (
        f'<label class="fl-option" for="{name}">'
        f'<input type="checkbox" name="{name}" id="{name}" value="true">'
        f'<strong>{escape(title)}</strong><span class="fl-muted">{escape(purpose)}</span></label>'
    )
