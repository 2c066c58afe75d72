"""The check names what is missing for each stream and for a delivery, tells nothing private and changes nothing."""

import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from demo.brevo import Brevo
from demo.esp import Esp, authorization
from lifecycle import check, web
from lifecycle.destinations import destination_kind
from lifecycle.errors import SettingsInvalid
from lifecycle.settings import Connection, Destination
from lifecycle.sources import source_kind
from lifecycle.sources.files import FileShop
from lifecycle.sources.sendgrid import SendGridEsp
from lifecycle.sources.sql import SqlShop
from lifecycle.testing.cases import RUN_DATE, RecordingHost, StreamCase, standing
from lifecycle.testing.faults import Fault
from tests.sources.cases import PRIVATE
from tests.sources.vendors import CASES, ESP

KINDS = {case.kind: case for case in reversed(CASES)}
COLUMNS = {"order_id": "id", "ordered_at": "at", "total": "total", "email": "email"}
SHOP = {"connection": "till", "timezone": "UTC", "currency": "USD"}
BREVO = Destination(kind="brevo", connection="brevo")
WRONG = "wrong-SG.demo"

every_kind = pytest.mark.parametrize("case", KINDS.values(), ids=KINDS)


@pytest.fixture(scope="module")
def the_host() -> Iterator[RecordingHost]:
    with standing() as host:
        yield host


@pytest.fixture
def host(the_host: RecordingHost, monkeypatch: pytest.MonkeyPatch) -> RecordingHost:
    monkeypatch.setattr(web, "_backoff", lambda _: 0.0)
    return the_host


@pytest.fixture(autouse=True)
def nothing_private_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("INFO")
    yield
    assert not [word for word in PRIVATE if word in caplog.text]


def checked(config: Any, connection: Connection) -> dict[str, str]:
    """Stream → what is missing for it, which names the stream and nothing private."""
    results = check.source("demo", config, connection, RUN_DATE)
    for stream, sentence in results.items():
        assert not sentence or sentence.startswith(f"demo, stream {stream}: ")
        assert not [word for word in PRIVATE if word in sentence]
    return results


def names(kind: str) -> list[str]:
    return [spec.name for spec in source_kind(kind).streams]


def missing(host: RecordingHost, case: StreamCase, password: str | None = None) -> dict[str, str]:
    """As ``checked``, of the streams for which something is missing."""
    results = checked(case.config, host.connection(case.login, password or case.password))
    assert list(results) == [name for name in names(case.kind) if name in results]
    assert {each.stream for each in CASES if each.kind == case.kind} <= {*results}
    return {stream: sentence for stream, sentence in results.items() if sentence}


@every_kind
def test_nothing_is_missing_where_all_is_well(host: RecordingHost, case: StreamCase) -> None:
    host.show(case.vendor().app)
    assert missing(host, case) == {}


@every_kind
def test_little_is_asked_however_much_is_there(host: RecordingHost, case: StreamCase) -> None:
    vendor = case.vendor(300)
    host.show(vendor.app)
    assert missing(host, case) == {}
    assert len(host.calls) <= 3 * len(names(case.kind))
    assert not host.calls_to("exports|_bulk")


@every_kind
def test_a_credential_that_is_refused_is_told_for_every_stream(host: RecordingHost, case: StreamCase) -> None:
    host.show(case.vendor().app)
    results = missing(host, case, WRONG)
    assert {*results} == {*names(case.kind)} - {"events"}
    assert [sentence for sentence in results.values() if "401, the credential is refused" not in sentence] == []
    assert WRONG not in str(results)


@every_kind
def test_a_server_that_is_down_is_told_for_every_stream(host: RecordingHost, case: StreamCase) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    results = checked(case.config, Connection("test", host=nobody, login=case.login, password=case.password))
    assert {stream for stream, sentence in results.items() if "no complete response" in sentence} == {
        *names(case.kind)
    } - {"events"}


@pytest.mark.parametrize(
    ("case", "fault"),
    [(case, fault) for case in KINDS.values() for fault in ("500", "not_json")],
    ids=lambda value: getattr(value, "kind", value),
)
def test_a_server_that_is_broken_is_told_for_every_stream(host: RecordingHost, case: StreamCase, fault: str) -> None:
    vendor = case.vendor()
    vendor.faults.add(Fault(fault, times=None))
    host.show(vendor.app)
    assert {*missing(host, case)} == {*names(case.kind)} - {"events"}


def test_a_right_that_is_missing_at_woocommerce_is_named_with_what_it_needs(host: RecordingHost) -> None:
    case = KINDS["woocommerce"]
    shop = case.vendor()
    shop.faults.add(Fault("403", path="/customers$", times=None))
    host.show(shop.app)
    assert missing(host, case) == {
        "customers": "demo, stream customers: GET /wp-json/wc/v3/customers: 403, the credential lacks the right:"
        " woocommerce_rest_cannot_view: Sorry, this request was refused; it needs: a REST API key that may read"
    }


@pytest.mark.parametrize(
    ("scope", "streams"),
    [
        ("read_orders", {"orders"}),
        ("read_all_orders", {"orders"}),
        ("read_customers", {"customers", "companies"}),
        ("read_products", {"products"}),
    ],
)
def test_a_scope_that_is_missing_at_shopify_is_named(host: RecordingHost, scope: str, streams: set[str]) -> None:
    case = KINDS["shopify"]
    shop = case.vendor()
    shop.scopes.remove(scope)
    host.show(shop.app)
    results = missing(host, case)
    assert {*results} >= streams
    assert [
        stream for stream, sentence in results.items() if f"scope {scope} is missing; it needs: " not in sentence
    ] == []


def test_a_shop_without_companies_misses_nothing(host: RecordingHost) -> None:
    shop = KINDS["shopify"].vendor()
    shop.has_b2b = False
    host.show(shop.app)
    assert missing(host, KINDS["shopify"]) == {}


@pytest.mark.parametrize(
    ("privilege", "streams"),
    [
        ("order_transaction:read", {"orders"}),
        ("customer:read", {"customers"}),
        ("category:read", {"products"}),
        ("newsletter_recipient:read", {"newsletter_recipients"}),
        ("state_machine_history:read", {"state_history"}),
    ],
)
def test_a_privilege_that_is_missing_at_shopware_is_named(
    host: RecordingHost, privilege: str, streams: set[str]
) -> None:
    case = KINDS["shopware"]
    shop = case.vendor()
    shop.missing_privileges.add(privilege)
    host.show(shop.app)
    results = missing(host, case)
    assert {*results} == streams
    assert [sentence for sentence in results.values() if f"role lacks {privilege}" not in sentence] == []


@pytest.mark.parametrize(
    ("scope", "streams"),
    [
        ("marketing.read", {"contacts", "list_members", "single_sends", "single_send_stats", "automation_stats"}),
        ("suppression.read", {"bounces", "blocks", "spam_reports", "unsubscribes", "invalid_emails"}),
        ("asm.groups.suppressions.read", {"group_suppressions"}),
        ("asm.groups.read", {"unsubscribe_groups"}),
    ],
)
def test_a_scope_that_is_missing_at_sendgrid_is_named(
    host: RecordingHost, monkeypatch: pytest.MonkeyPatch, scope: str, streams: set[str]
) -> None:
    monkeypatch.setattr(authorization, "READ_ONLY", tuple(each for each in authorization.READ_ONLY if each != scope))
    case = KINDS["sendgrid"]
    host.show(case.vendor().app)
    problem = f"the API key has no scope {scope}; it needs: {scope}"
    expected = {stream: f"demo, stream {stream}: {problem}" for stream in streams}
    assert missing(host, case, "SG.demo-read-only") == expected


def test_message_activity_that_was_not_bought_is_named(host: RecordingHost) -> None:
    case = KINDS["sendgrid"]
    esp = case.vendor()
    esp.faults.add(Fault("403", path="/v3/messages$", times=None))
    host.show(esp.app)
    results = missing(host, case)
    assert {*results} == {"messages"}
    assert "access forbidden; it needs: Email Activity, with the add-on" in results["messages"]


def test_event_files_that_are_not_there_are_named(host: RecordingHost, tmp_path: Path) -> None:
    host.show(KINDS["sendgrid"].vendor().app)
    config = ESP.model_copy(update={"event_files": f"{tmp_path}/secret"})
    results = checked(config, host.connection())
    assert {stream: sentence for stream, sentence in results.items() if sentence} == {
        "events": "demo, stream events: event_files: nothing is there"
    }


def test_files_are_looked_into(tmp_path: Path) -> None:
    orders = {"files": f"{tmp_path}/*.csv", "format": "csv", "columns": COLUMNS}
    config = FileShop.model_validate({"kind": "files", **SHOP, "orders": orders})
    file, long_ago = tmp_path / "orders.csv", time.time() - 3600
    file.write_text("id,at,total,email\n1,2017-12-01T12:00:00Z,1.50,p1@example.com\n")
    os.utime(file, (long_ago, long_ago))
    assert checked(config, Connection("till")) == {"orders": ""}
    file.write_text("id,at,sum,email\n1,2017-12-01T12:00:00Z,1.50,p1@example.com\n")
    os.utime(file, (long_ago, long_ago))
    assert "columns that are not there: total" in checked(config, Connection("till"))["orders"]


def test_a_database_is_asked_for_its_columns(tmp_path: Path) -> None:
    orders = {"query": "select id, at, total, email from orders", "columns": COLUMNS}
    config = SqlShop.model_validate({"kind": "sql", **SHOP, "orders": orders})
    connection = Connection("till", kind="sqlite", host=str(tmp_path / "till.sqlite"))
    assert "the database can't answer orders.query" in checked(config, connection)["orders"]
    with closing(sqlite3.connect(tmp_path / "till.sqlite")) as till:
        till.execute("create table orders (id integer, at text, total text, email text)")
    assert checked(config, connection) == {"orders": ""}


def test_a_key_of_sendgrids_that_may_write_misses_nothing_and_nothing_is_written(host: RecordingHost) -> None:
    esp = Esp()
    esp.add_contact("p1@example.com", lists=["VIP"])
    host.show(esp.app)
    before = esp.contacts(), esp.lists(), esp.fields(), esp.jobs()
    assert check.destination(ESP, host.connection()) == ""
    assert (esp.contacts(), esp.lists(), esp.fields(), esp.jobs()) == before
    assert host.calls_to("^PUT /v3/marketing/contacts")


def test_a_key_of_sendgrids_that_may_only_read_lacks_marketing(host: RecordingHost) -> None:
    esp = Esp()
    host.show(esp.app)
    words = check.destination(ESP, host.connection(password="SG.demo-read-only"))
    assert words == "destination: rights are missing: Marketing: full access"
    assert (esp.contacts(), esp.lists(), esp.fields(), esp.jobs()) == ({}, {}, {}, [])


EU = Connection("esp_eu", host="https://api.eu.sendgrid.com", password="SG.demo")


def test_the_eu_region_of_sendgrid_is_refused_for_contacts_and_lists() -> None:
    words = check.destination(ESP, EU)
    assert "connection esp_eu: api.eu.sendgrid.com has only suppressions" in words
    assert "not contacts, lists, custom fields; leave the host empty" in words
    with pytest.raises(SettingsInvalid, match="not contacts, lists, custom fields"):
        destination_kind("sendgrid").connect(ESP, EU)
    (words,) = check.source("esp", SendGridEsp(kind="sendgrid", connection="esp_eu"), EU, RUN_DATE).values()
    assert "not contacts, list_members, messages, single_sends, single_send_stats, automation_stats;" in words


def test_the_eu_region_of_sendgrid_is_read_for_what_it_has() -> None:
    esp = SendGridEsp(kind="sendgrid", connection="esp_eu", contacts=False, campaigns=False, message_activity=False)
    names = [stream.name for stream in source_kind("sendgrid").open(esp, EU, RUN_DATE)]
    assert names == [
        "bounces",
        "blocks",
        "spam_reports",
        "unsubscribes",
        "invalid_emails",
        "group_suppressions",
        "events",
        "unsubscribe_groups",
    ]


def test_opt_in_lists_without_contacts_are_a_contradiction() -> None:
    with pytest.raises(ValidationError, match="opt_in_lists are read with the contacts"):
        SendGridEsp(kind="sendgrid", connection="esp_eu", contacts=False, opt_in_lists=["Newsletter"])


def test_a_key_of_sendgrids_that_is_refused_is_told(host: RecordingHost) -> None:
    host.show(Esp().app)
    words = check.destination(ESP, host.connection(password=WRONG))
    assert words == "destination: GET /v3/marketing/lists: 401, the credential is refused: authorization required"


def test_a_key_of_brevos_may_all_or_is_refused_and_nothing_is_written(host: RecordingHost) -> None:
    brevo = Brevo()
    host.show(brevo.app)
    before = brevo.contacts(), brevo.lists(), brevo.fields(), brevo.jobs(), dict(brevo.account.folders)
    assert check.destination(BREVO, host.connection(password="xkeysib-demo")) == ""
    words = check.destination(BREVO, host.connection(password="xkeysib-wrong"))
    assert words == "destination: GET /v3/account: 401, the credential is refused: unauthorized: refused with 401"
    assert [call.partition("?")[0] for call in host.calls] == ["GET /v3/account"] * 2
    assert (brevo.contacts(), brevo.lists(), brevo.fields(), brevo.jobs(), brevo.account.folders) == before


@pytest.mark.parametrize(("config", "vendor"), [(ESP, Esp), (BREVO, Brevo)], ids=["sendgrid", "brevo"])
def test_a_provider_that_is_broken_is_reported(host: RecordingHost, config: Any, vendor: Any) -> None:
    provider = vendor()
    provider.faults.add(Fault("500", times=None))
    host.show(provider.app)
    words = check.destination(config, host.connection(password="SG.demo"))
    assert words.startswith("destination: GET /v3/")
    assert words.endswith(": 500, the other side has a problem")
