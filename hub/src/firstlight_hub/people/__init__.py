"""Everybody who has ever had access: stable numbers, names and one-time links."""

from firstlight_hub.people.models import Link, NameTakenError, Person
from firstlight_hub.people.names import clean_local_name
from firstlight_hub.people.store import PeopleStore

__all__ = ["Link", "NameTakenError", "PeopleStore", "Person", "clean_local_name"]
