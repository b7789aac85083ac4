from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from firstlight_hub.settings.model import Labs, LabSize
from firstlight_hub.spawner.form import in_words, options_form

MIB = 1024**2


def form(labs: Labs, last: str | None = None) -> BeautifulSoup:
    return BeautifulSoup(options_form(labs, last), "html.parser")


def test_each_size_is_a_labelled_choice_in_a_named_group() -> None:
    page = form(Labs())

    assert page.legend is not None
    assert page.legend.text == "Choose a size"
    for size in Labs().sizes:
        choice = page.select_one(f"label[for=size-{size.name}] input#size-{size.name}")
        assert choice is not None
        assert choice["value"] == size.name
        label = choice.find_parent("label")
        assert label is not None
        assert size.title in label.text
        assert in_words(size) in label.text


@pytest.mark.parametrize(("last", "chosen"), [(None, "small"), ("large", "large"), ("x", "small")])
def test_the_last_choice_is_made_beforehand(last: str | None, chosen: str) -> None:
    checked = form(Labs(), last).select("input[checked]")

    assert [entry["value"] for entry in checked] == [chosen]


def test_words_of_the_site_are_words_not_markup() -> None:
    size = LabSize(name="x", title="<b>", purpose='"><script>', cpu=1, memory=MIB)
    other = LabSize(name="y", title="y", cpu=1, memory=MIB)
    page = form(Labs(sizes=(size, other), default_size="x"))

    assert page.script is None
    assert page.b is None


def test_a_site_with_one_size_still_offers_the_options() -> None:
    page = form(Labs(sizes=Labs().sizes[:1]))

    assert [entry["value"] for entry in page.select("input[type=radio][checked]")] == ["small"]
    assert page.select_one("#reset_user_env") is not None


@pytest.mark.parametrize("name", ["reset_user_env", "debug"])
def test_each_option_is_labelled_and_never_chosen_beforehand(name: str) -> None:
    page = form(Labs())
    choice = page.select_one(f"label[for={name}] input#{name}[type=checkbox]")

    assert choice is not None
    assert choice["name"] == name
    assert choice["value"] == "true"
    assert "checked" not in choice.attrs


@pytest.mark.parametrize(
    ("cpu", "memory", "words"),
    [
        (1, 2048 * MIB, "1 core, 2 GiB of memory"),
        (2, 1536 * MIB, "2 cores, 1.5 GiB of memory"),
        (0.5, 512 * MIB, "0.5 cores, 512 MiB of memory"),
    ],
)
def test_sizes_are_said_in_words(cpu: float, memory: int, words: str) -> None:
    assert in_words(LabSize(name="x", title="x", cpu=cpu, memory=memory)) == words
