"""What the tests of the delivery share: people, and what the warehouse and the provider hold of a delivery."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from tests.world import Person, World

ADA, BEN, EVE = "ada@example.com", "ben@example.com", "eve@example.com"
STAGE = {"lifecycle_stage": "active"}
CONTACTS, IMPORTS, SEARCH = "/contacts$", "/contacts/imports/", "/contacts/search/emails$"


def crowd(count: int, *audiences: str, **fields: Any) -> Iterator[Person]:
    return (Person(f"p{number}@example.com", audiences, fields=STAGE | fields) for number in range(count))


def jobs(world: World) -> list[tuple[str, str]]:
    return world.rows("select kind, status from delivery.job order by job_id")


def rejects(world: World) -> list[tuple[str, str]]:
    return world.rows("select email, message from delivery.reject order by email")


def requested(world: World) -> list[int]:
    return [job["results"]["requested_count"] for job in world.esp.jobs()]


def without(destination: Any, *names: str) -> Any:
    """The same destination, which can't do some things."""
    limits = ("max_batch_size", "max_batch_bytes", "max_concurrency", "max_poll_seconds", "max_removals")
    upserts = ("list_ids", "field_ids", "encoded", "upsert", "outcome", "blames_account")
    account = ("account", "suppressed_since", "existing")
    can = ("name", *limits, *upserts, *account, "remove", "remove_by_id", "members_among", "contacts")
    return SimpleNamespace(**{name: getattr(destination, name) for name in can if name not in names})
