"""Two providers of one kind and a third of another are read at once, and the strictest of what they tell holds."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.dbt.builds import Warehouse, build, variables
from tests.dbt.documents import Documents, Night
from tests.dbt.test_seams import ENTITIES

pytestmark = pytest.mark.dbt

RUN_DATE = date(2017, 12, 31)
LOOKED_AT = ("persons", "messages", "customers")

#: A kind that knows only who does not want letters: one model of its own, and nothing of the rest.
LETTERS = """
select
    'unsubscribe/letters/1' as suppression_id,
    'letters' as source,
    'unsubscribe' as reason,
    'cy@example.com' as email,
    cast('2017-12-01 12:00:00+00' as timestamptz) as created_at,
    {{ identity_id("'cy@example.com'") }} as identity_id,
    cast('2017-12-02 12:00:00+00' as timestamptz) as loaded_at,
    false as is_deleted
"""


def member(name: str, list_name: str) -> dict[str, str]:
    """Somebody on a list."""
    return {"email": f"{name}@example.com", "created_at": "2017-11-01T12:00:00Z", "list_name": list_name}


def message(name: str) -> dict[str, str]:
    """A message that reached somebody."""
    return {"to_email": f"{name}@example.com", "status": "delivered", "last_event_time": "2017-12-01T12:00:00Z"}


def documents() -> Documents:
    """Everybody is a contact; who subscribed where is told by the lists."""
    names = {"ada": "esp", "bea": "esp", "cy": "esp", "dan": "news", "eve": "news"}
    return {
        "sendgrid__contacts": {
            f"{provider}/{name}": {"email": f"{name}@example.com", "created_at": "2017-11-01T12:00:00Z"}
            for name, provider in names.items()
        },
        "sendgrid__list_members": {
            **{f"esp/l/{name}": member(name, "Newsletter") for name in ("ada", "bea", "cy")},
            "news/l/dan": member("dan", "Newsletter"),
            "news/m/eve": member("eve", "Other"),
        },
        "sendgrid__unsubscribes": {"news/bea": {"email": "BEA@example.com", "created": 1512000000}},
        "sendgrid__messages": {"esp/m1": message("ada"), "news/m1": message("eve")},
        "sendgrid__events": {
            f"{source}/e1": {
                "sg_message_id": "m1",
                "email": f"{name}@example.com",
                "event": "open",
                "timestamp": 1512200000,
            }
            for source, name in {"esp": "ada", "news": "eve"}.items()
        },
    }


def with_letters(opt_in_list: str, event_files: str | None) -> dict[str, Any]:
    """The marketer's file: the list that needs a confirmed subscription at the second provider, and its events."""
    shown = variables(Night(RUN_DATE, {}))
    shown["lifecycle"]["additional_esps"] = {
        "news": {"kind": "sendgrid", "opt_in_lists": [opt_in_list], "event_files": event_files},
        "letters": {"kind": "postal"},
    }
    return shown


@pytest.fixture
def house(new_database: Callable[[], str], tmp_path: Path) -> Warehouse:
    """A project with a third kind of provider, which is its staging models and nothing else."""
    made = Warehouse(new_database(), tmp_path)
    made.prepare()
    folder = made.project / "models" / "staging" / "postal"
    folder.mkdir()
    for entity in ENTITIES:
        text = LETTERS if entity == "suppressions" else f'{{{{ nothing_of("{entity}") }}}}\n'
        (folder / f"stg_postal__{entity}.sql").write_text(text)
    made.land(documents(), "2018-01-01T00:00:00Z")
    return made


def consent(house: Warehouse) -> dict[str, tuple[str, str | None]]:
    """Name → state and basis of the consent."""
    statement = "select split_part(email, '@', 1), consent_state, consent_basis from marts.persons"
    with psycopg.connect(house.url) as connection:
        return {name: (state, basis) for name, state, basis in connection.execute(statement)}


def opened(house: Warehouse) -> list[str]:
    """Messages that were opened, by id."""
    with psycopg.connect(house.url) as connection:
        statement = "select message_id from marts.messages where is_opened order by 1"
        return [row[0] for row in connection.execute(statement)]


def last_opened(house: Warehouse) -> dict[str, date | None]:
    """Name → the last day on which somebody opened a message, as far as that is known."""
    statement = "select split_part(email, '@', 1), last_opened_on from marts.customers where last_opened_on is not null"
    with psycopg.connect(house.url) as connection:
        return dict(connection.execute(statement).fetchall())


def test_what_any_provider_tells_counts_and_a_list_counts_where_it_is_named(house: Warehouse) -> None:
    assert house.dbt(*build(*LOOKED_AT, is_tested=True), variables=with_letters("Other", "events")) == []
    granted, refused, unknown = ("granted", "double_opt_in"), ("refused", "unsubscribe"), ("unknown", None)
    assert consent(house) == {"ada": granted, "bea": refused, "cy": refused, "dan": unknown, "eve": granted}
    assert opened(house) == ["news/m1"]
    assert last_opened(house) == {"eve": date(2017, 12, 2)}
    assert house.dbt(*build(*LOOKED_AT), variables=with_letters("Newsletter", None)) == []
    assert consent(house) == {"ada": granted, "bea": refused, "cy": refused, "dan": granted, "eve": unknown}
    assert last_opened(house) == {}
