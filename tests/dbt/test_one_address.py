"""An address is one person however it is written, also in a warehouse that knew it by several forms."""

from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from lifecycle import settings, transform, warehouse
from lifecycle.sources import document_streams
from tests.databases import NewDatabase
from tests.dbt.builds import Warehouse
from tests.dbt.recount import uuid_of
from tests.test_addresses import cases

pytestmark = pytest.mark.dbt

RUN_DATE = date(2017, 12, 31)
MODELS = ["--select", "+consent_evidence", "+identity_map", "+int_delivered_messages", "+stage_builds"]
MACRO = Path("macros") / "normalize_email.sql"
#: What the macro was before an address had one form.
EARLIER = "{% macro normalize_email(text) -%} lower({{ clean_text(text) }}) {%- endmacro %}"
#: What the migration has made that gives an address one form; without it the project can't be built.
UNDO_MIGRATION = """
drop table delivery.former_person cascade;
drop function raw.normalized_email, raw.normalized_unicode_email, raw.punycode;
delete from migrations.applied where name = '0010_one_address.sql';
"""
UMLAUT, ENCODED = "info@müller.de", "info@xn--mller-kva.de"
COMPOSED, DECOMPOSED = "jörg@example.com", "jo\u0308rg@example.com"


def person(email: str) -> Any:
    return uuid_of(f"email:{email}")


class House:
    """A shop and a provider, and the nights of one project."""

    def __init__(self, url: str, folder: Path) -> None:
        self.house = Warehouse(url, folder)
        self.house.prepare()
        warehouse.prepare(url, document_streams())
        shipped = settings.load(self.house.project / "vars.yml")
        self.variables = transform.variables(shipped, RUN_DATE)

    def land(self, table: str, key: str, document: dict[str, Any]) -> None:
        statement = f"insert into raw.{table} (id, source, doc, loaded_at) values (%s, %s, %s, now())"
        self.query(statement, key, key.split("/", maxsplit=1)[0], Jsonb(document))

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.house.url) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def write_macro(self, text: str) -> str:
        file = self.house.project / MACRO
        before = file.read_text()
        file.write_text(text)
        self.house.manifests.clear()
        return before

    def merge(self, *pairs: tuple[str, str]) -> None:
        lines = [f"{person(merged)},{person(survivor)},2017-11-01" for merged, survivor in pairs]
        seed = self.house.project / "seeds" / "person_merges.csv"
        seed.write_text("\n".join(["person_id,surviving_person_id,decided_on", *lines, ""]))

    def build(self, *options: str) -> None:
        assert self.house.dbt("seed", variables=self.variables) == []
        assert self.house.dbt("run", *MODELS, *options, variables=self.variables) == []


def order(number: int, email: str, customer: int = 0) -> dict[str, Any]:
    return {
        "id": number,
        "status": "completed",
        "customer_id": customer,
        "currency": "USD",
        "total": "10.00",
        "billing": {"email": email},
        "date_created_gmt": "2017-12-01T12:00:00",
    }


def customer(number: int, email: str) -> dict[str, Any]:
    return {"id": number, "email": email, "date_created_gmt": "2017-11-01T12:00:00", "meta_data": []}


@pytest.fixture(scope="module")
def upgraded(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A warehouse that was built by the earlier forms, and built again after the upgrade."""
    house = House(new_database(), tmp_path_factory.mktemp("dbt"))
    for number, email in enumerate([" Info@MÜLLER.de", ENCODED, DECOMPOSED, "eve@example.com"], start=1):
        house.land("woocommerce__orders", f"demo/{number}", order(number, email))
    house.land("woocommerce__customers", "demo/7", customer(7, UMLAUT))
    house.land("sendgrid__unsubscribes", "esp/1", {"email": ENCODED, "created": 1500000000})
    message = {"to_email": UMLAUT, "status": "delivered", "last_event_time": "2017-12-02T09:00:00Z"}
    house.land("sendgrid__messages", "esp/m1", message)
    house.merge((DECOMPOSED, "eve@example.com"))
    present = house.write_macro(EARLIER)
    house.build()
    former = {UMLAUT, ENCODED, "eve@example.com"}
    assert {email for (email,) in house.query("select email from intermediate.int_persons")} == former
    house.query(UNDO_MIGRATION)
    house.write_macro(present)
    warehouse.prepare(house.house.url, document_streams())
    house.build()
    return house


def test_all_forms_are_one_person(upgraded: House) -> None:
    persons = upgraded.query("select email, person_id from intermediate.int_persons order by 1")
    assert persons == [(email, person(email)) for email in ("eve@example.com", ENCODED)]


def test_who_refused_under_one_form_has_refused(upgraded: House) -> None:
    [(statement, says)] = upgraded.query(
        "select statement, says from marts.consent_evidence where is_decisive and person_id = %s",
        person(ENCODED),
    )
    assert (statement, says) == ("unsubscribe", "refuses")


def test_the_former_person_is_known_by_their_id(upgraded: House) -> None:
    assert set(upgraded.query("select former_id, person_id from delivery.former_person")) == {
        (person(UMLAUT), person(ENCODED)),
        (person(DECOMPOSED), person(COMPOSED)),
    }
    versions = upgraded.query("select version, person_id, known_to is null from marts.identity_map order by 1")
    assert versions == [(1, person(UMLAUT), False), (2, person(ENCODED), True)]
    assert (person(ENCODED), person(UMLAUT)) in upgraded.query(
        "select person_id, identity_id from intermediate.int_former_identities"
    )


def test_a_merge_of_former_persons_holds(upgraded: House) -> None:
    merges = upgraded.query("select person_id, surviving_person_id from intermediate.int_applied_merges")
    assert merges == [(person(COMPOSED), person("eve@example.com"))]


def test_what_is_kept_from_night_to_night_has_the_one_form(upgraded: House) -> None:
    assert upgraded.query("select email from intermediate.int_delivered_messages") == [(ENCODED,)]


def test_everything_was_derived_again(upgraded: House) -> None:
    assert upgraded.query("select is_whole from marts.stage_builds order by build_id desc limit 1") == [(True,)]
    tables = ["staging.stg_woocommerce__orders", "intermediate.int_orders", "intermediate.int_persons"]
    rows = [upgraded.query(f"select cast(kept as text) from {table} as kept order by 1") for table in tables]
    upgraded.build("--full-refresh")
    assert [upgraded.query(f"select cast(kept as text) from {table} as kept order by 1") for table in tables] == rows


def test_the_macro_gives_an_address_the_same_form(upgraded: House) -> None:
    macro = upgraded.house.compiled("{{ normalize_email('written.email') }}", upgraded.variables)
    written = [written for _, written, _ in cases()]
    table = "unnest(%s::text[]) with ordinality as written (email, place)"
    rows = upgraded.query(f"select coalesce({macro}, '') from {table} order by place", written)
    assert [one_form for (one_form,) in rows] == [one_form for _, _, one_form in cases()]
