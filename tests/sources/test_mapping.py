"""A row becomes a document in our own fields, or a reject that says what would be right and never what stood there."""

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.errors import SettingsInvalid
from lifecycle.sources import Reject
from lifecycle.sources.files import FileShop
from lifecycle.sources.mapping import TableMapping, check_columns, document, listed, mapping_of, pages, written

ORDER = {
    "order_id": "Nr",
    "ordered_at": "Datum",
    "total": "Betrag",
    "email": "Mail",
    "customer_id": "Kunde",
    "refunded": "Gutschrift",
    "currency": "Währung",
    "is_test": "Test",
}
CUSTOMER = {"customer_id": "Kunde", "created_at": "Seit", "email": "Mail", "newsletter": "Newsletter"}
ROW = {"Nr": "1", "Datum": "2026-03-02T12:00:00Z", "Betrag": "12.50", "Mail": "ada@example.com"}
PRIVATE = "ada@example.com"


def orders(**changed: Any) -> TableMapping:
    return TableMapping("orders", ORDER, ZoneInfo("Europe/Zurich"), **changed)


def customers() -> TableMapping:
    return TableMapping("customers", CUSTOMER, ZoneInfo("Europe/Zurich"))


def read(column: str, value: object, **changed: Any) -> Any:
    """What a field becomes, or the reason why it does not."""
    mapping = orders(**changed)
    fields, reasons = document({**ROW, column: value}, mapping)
    field = next(field for field, name in ORDER.items() if name == column)
    return reasons[0].partition("): ")[2] or reasons[0] if reasons else fields[field]


def test_a_document_has_the_mapped_fields_and_the_row_as_it_came() -> None:
    row = {**ROW, "Mail": "\u00a0 Ada@example.com\t", "Kunde": " ", "Bemerkung": " keine "}
    fields, reasons = document(row, orders())
    assert reasons == []
    assert fields == {
        "order_id": "1",
        "ordered_at": "2026-03-02T12:00:00Z",
        "total": "12.50",
        "email": "Ada@example.com",
        "customer_id": None,
        "refunded": None,
        "currency": None,
        "is_test": None,
        "row": row,
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  Zoë\ufeff", "Zoë"),
        (7, "7"),
        (7.0, "7"),
        (10**20, "1" + "0" * 20),
        (Decimal("7.10"), "7.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("007", "007"),
        ("", None),
        ("\u200b", None),
    ],
)
def test_ids_are_text_whatever_they_come_as(value: object, text: str | None) -> None:
    assert read("Kunde", value) == text


@pytest.mark.parametrize("value", [True, [], {}, b"7", math.nan, math.inf, Decimal("NaN"), object()])
def test_what_is_neither_text_nor_number_is_no_id(value: object) -> None:
    assert read("Kunde", value) == "must be a text or a number"


def test_an_id_that_no_index_could_hold_is_rejected() -> None:
    assert read("Nr", "x" * 200) == "x" * 200
    assert read("Nr", "x" * 201) == "must have at most 200 characters"


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-03-02T12:00:00Z", "2026-03-02T12:00:00Z"),
        ("2026-03-02T12:00:00+05:30", "2026-03-02T06:30:00Z"),
        ("2026-03-02 12:00", "2026-03-02T11:00:00Z"),
        ("2026-07-02 12:00:00.25", "2026-07-02T10:00:00.250000Z"),
        ("2026-03-02", "2026-03-01T23:00:00Z"),
        (date(2026, 3, 2), "2026-03-01T23:00:00Z"),
        (datetime(2026, 3, 2, 12), "2026-03-02T11:00:00Z"),  # noqa: DTZ001
        (datetime(2026, 3, 2, 12, tzinfo=timezone(timedelta(hours=-8))), "2026-03-02T20:00:00Z"),
        ("0999-01-01T00:00:00Z", "0999-01-01T00:00:00Z"),
    ],
)
def test_times_become_utc_and_without_an_offset_are_in_the_shops_zone(value: object, at: str) -> None:
    assert read("Datum", value) == at


def test_an_hour_that_the_clock_skips_is_an_hour_later_and_one_that_it_shows_twice_the_first() -> None:
    assert read("Datum", "2026-03-29 02:30") == "2026-03-29T01:30:00Z"  # 03:30 by the clock
    assert read("Datum", "2026-10-25 02:30") == "2026-10-25T00:30:00Z"  # still summer time
    assert read("Datum", "2026-10-25T02:30+01:00") == "2026-10-25T01:30:00Z"


@pytest.mark.parametrize("value", ["yesterday", "02.03.2026", "2026-02-30", "0001-01-01", "24:00", 1772452800, True])
def test_what_is_no_time_is_rejected_with_an_example(value: object) -> None:
    assert read("Datum", value).startswith("must be a time such as 2026-")


def test_a_stated_format_is_the_only_one_that_counts() -> None:
    options = {"date_format": "%d.%m.%Y %H:%M"}
    assert read("Datum", "02.03.2026 12:00", **options) == "2026-03-02T11:00:00Z"
    assert read("Datum", "2026-03-02 12:00", **options) == "must be a time written as %d.%m.%Y %H:%M"
    assert read("Datum", "02.03.2026 12:00 +0000", date_format="%d.%m.%Y %H:%M %z") == "2026-03-02T12:00:00Z"


@pytest.mark.parametrize(
    ("text", "decimal", "amount"),
    [
        ("12.50", ".", "12.50"),
        ("12,50", ",", "12.50"),
        ("-3", ",", "-3"),
        ("+3.0", ".", "3.0"),
        (".5", ".", "0.5"),
        ("007", ".", "7"),
        ("-0,00", ",", "0.00"),
        ("1234567", ".", "1234567"),
        ("1'234.50", ".", "1234.50"),
        ("1\u2019234\u2019567,5", ",", "1234567.5"),
        ("1 234,50", ",", "1234.50"),
        ("1\u202f234", ",", "1234"),
        ("1.234,50", ",", "1234.50"),
        ("1,234.50", ".", "1234.50"),
        ("1.234.567", ",", "1234567"),
        ("99999999999.9999", ".", "99999999999.9999"),
    ],
)
def test_money_becomes_a_plain_number_where_its_separators_are_clear(text: str, decimal: str, amount: str) -> None:
    assert read("Betrag", text, decimal=decimal) == amount


@pytest.mark.parametrize(("text", "decimal"), [("1,234", "."), ("1.234", ","), ("-12.500", ",")])
def test_a_single_separator_that_could_be_a_point_is_ambiguous(text: str, decimal: str) -> None:
    assert "could stand for thousands or for a decimal point" in read("Betrag", text, decimal=decimal)


@pytest.mark.parametrize(
    "value",
    [
        "a lot",
        "CHF 5",
        "5.-",
        "5-",
        "12,50",
        "1e3",
        "NaN",
        "inf",
        "1'23",
        "1'2345",
        "1.234.567",
        "12.",
        "--1",
        "٣",
        "1,234,5",
        math.nan,
        math.inf,
        Decimal("NaN"),
        Decimal("Infinity"),
        True,
        [],
        b"1",
    ],
)
def test_what_is_no_plain_number_is_no_money(value: object) -> None:
    assert read("Betrag", value) == "must be a plain number such as 1234.50"


def test_money_that_the_warehouse_cannot_hold_is_rejected() -> None:
    assert read("Betrag", "100000000000") == "must be below 100,000,000,000"
    assert read("Betrag", Decimal("1e400")) == "must be below 100,000,000,000"


def test_numbers_keep_their_value_and_a_refund_loses_its_sign() -> None:
    assert [read("Betrag", value) for value in (12.5, 12, Decimal("12.50"), 0.1)] == ["12.5", "12", "12.50", "0.1"]
    assert [read("Gutschrift", value) for value in ("-5.00", "5.00", -5)] == ["5.00", "5.00", "5"]


@given(st.decimals(min_value=-(10**10), max_value=10**10, places=2), st.sampled_from(".,"))
def test_every_amount_is_read_as_it_was_written(amount: Decimal, decimal: str) -> None:
    for written_so in (f"{amount:f}", f"{amount:,.2f}"):
        text = written_so.translate(str.maketrans(".,", ",.")) if decimal == "," else written_so
        assert Decimal(read("Betrag", text, decimal=decimal)) == amount


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.sampled_from(["Europe/Zurich", "America/New_York"]))  # noqa: DTZ001
def test_every_moment_with_an_offset_survives(naive: datetime, zone: str) -> None:
    at = naive.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert datetime.fromisoformat(read("Datum", at.astimezone(ZoneInfo(zone)).isoformat())) == at


def test_a_currency_is_three_letters() -> None:
    assert read("Währung", " chf ") == "CHF"
    for value in ("Fr.", "EURO", "€", "ÄÖÜ", 756):
        assert read("Währung", value) == "must be three letters such as EUR"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["true", "YES", " y", "1", "on", "Ja", "j", "wahr", 1, 1.0, True], "true"),
        (["false", "NO", "n", "0", "off", "Nein", "falsch", 0, False], "false"),
    ],
)
def test_yes_and_no_are_known_in_english_and_german(words: list[object], answer: str) -> None:
    assert {read("Test", word) for word in words} == {answer}


def test_any_other_word_is_no_answer() -> None:
    for value in ("vielleicht", "2", "oui", -1):
        assert read("Test", value).startswith("must be yes or no")


def test_every_reason_of_a_row_names_its_column_and_never_its_value() -> None:
    row = {"Nr": " ", "Datum": PRIVATE, "Betrag": PRIVATE, "Währung": PRIVATE, "Test": PRIVATE, "Mail": PRIVATE}
    [page] = pages([(7, row)], orders(), "orders.csv")
    [reject] = page.rejects  # type: ignore[attr-defined]
    assert (list(page), reject.file, reject.line, json.loads(reject.row)) == ([], "orders.csv", 7, row)
    assert [reason.partition(":")[0] for reason in reject.reason.split("; ")] == [
        "column 'Nr' (order_id)",
        "column 'Datum' (ordered_at)",
        "column 'Betrag' (total)",
        "column 'Währung' (currency)",
        "column 'Test' (is_test)",
    ]
    assert PRIVATE not in reject.reason


def test_an_order_needs_somebody_who_bought() -> None:
    assert (
        read("Mail", "")
        == "column 'Mail' or 'Kunde': must not be empty; an order needs an e-mail address or a customer"
    )
    assert document({**ROW, "Mail": None, "Kunde": 7}, orders())[1] == []


def test_a_customer_needs_an_id_and_a_date_but_no_address() -> None:
    fields, reasons = document({"Kunde": 7, "Seit": "2026-01-01", "Newsletter": "nein"}, customers())
    assert (reasons, fields["newsletter"], fields["email"]) == ([], "false", None)
    assert customers().key(fields) == "7"
    assert document({"Seit": "2026-01-01"}, customers())[1] == ["column 'Kunde' (customer_id): must not be empty"]
    assert document({"Kunde": 7}, customers())[1] == ["column 'Seit' (created_at): must not be empty"]


def test_a_row_changed_when_it_says_so_or_else_when_it_was_made() -> None:
    mapping = TableMapping("orders", {**ORDER, "updated_at": "Stand"}, ZoneInfo("UTC"))
    made, updated = datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)
    assert mapping.changed_at(document({**ROW, "Stand": "2026-03-05"}, mapping)[0]) == updated
    assert mapping.changed_at(document({**ROW, "Stand": ""}, mapping)[0]) == made
    assert orders().changed_at(document(ROW, orders())[0]) == made


def test_pages_have_a_thousand_rows_and_none_is_lost() -> None:
    reject = Reject("f", 0, "is not a row", "")
    rows = [(n, {**ROW, "Nr": n if n % 10 else None}) for n in range(1, 2500)]
    read_pages = list(pages([reject, *rows], orders(), "f"))
    assert [len(page) + len(page.rejects) for page in read_pages] == [1000, 1000, 500]  # type: ignore[attr-defined]
    lines = {reject.line for page in read_pages for reject in page.rejects}  # type: ignore[attr-defined]
    assert lines == {0, *range(10, 2500, 10)}
    assert {int(item["order_id"]) for page in read_pages for item in page} == {n for n in range(1, 2500) if n % 10}


def test_missing_and_repeated_columns_are_named() -> None:
    with pytest.raises(SettingsInvalid, match=r"^f: orders\.columns names columns that are not there: Betrag, Mail;"):
        check_columns([column for column in ORDER.values() if column not in {"Betrag", "Mail"}], orders(), "f")
    with pytest.raises(SettingsInvalid, match=r"^f: columns that are there more than once: Mail;"):
        check_columns([*ORDER.values(), "Mail"], orders(), "f")


def test_a_listing_knows_a_row_by_its_key_alone() -> None:
    assert listed({"Nr": 7.0}, orders()) == {"order_id": "7"}
    unknown: list[dict[str, object]] = [{"Nr": ""}, {}, {"Nr": []}]
    assert [listed(row, orders()) for row in unknown] == [None, None, None]


def test_a_row_is_kept_as_text_that_can_be_stored() -> None:
    row = {"a": Decimal("1.10"), "b": [datetime(2026, 1, 1, tzinfo=UTC), math.nan], "c": b"\xff", "d": {"e": None}}
    assert json.loads(written(row)) == {
        "a": "1.10",
        "b": ["2026-01-01 00:00:00+00:00", "nan"],
        "c": "b'\\xff'",
        "d": {"e": None},
    }
    assert written("Gr\udcfcn;\0\ud800\r\n") == "Gr\\xfcn;\ufffd\ufffd"
    assert len(written("x" * 100_000)) == 10_002


def test_a_date_format_that_cannot_be_read_is_told_at_once() -> None:
    table = {"files": "*", "format": "csv", "columns": ORDER, "date_format": "%d.%m.%Q"}
    shop = FileShop.model_validate({"kind": "files", "timezone": "UTC", "currency": "CHF", "orders": table})
    with pytest.raises(SettingsInvalid, match=r"orders\.date_format"):
        mapping_of(shop, "orders", shop.orders)
