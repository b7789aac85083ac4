"""Who has ever been let in: stable numbers, names and one-time links."""

from firstlight_hub.people.models import Link, NameTaken, Person
from firstlight_hub.people.names import clean_local_name
from firstlight_hub.people.store import PeopleStore

__all__ = ["Link", "NameTaken", "PeopleStore", "Person", "clean_local_name"]
