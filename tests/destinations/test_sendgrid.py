"""What only SendGrid has: rows refused by their place, fields that come late, a file without documented columns."""

import orjson
import pytest

from demo.esp.jobs import keep_file
from lifecycle.destinations import FindsContacts, Outcome
from lifecycle.destinations.sendgrid.refusals import rejected_rows
from lifecycle.errors import RetryLater, RowRejected
from lifecycle.testing.providers import ADA, BEN, EVE, EVERYTHING, Provider, finished, remove, write
from tests.world import World

only_sendgrid = pytest.mark.parametrize("provider", ["sendgrid"], indirect=True)


@only_sendgrid
def test_a_day_is_sent_as_a_moment_in_utc(provider: Provider) -> None:
    write(provider.connect(), {ADA: EVERYTHING})
    fields = provider.server.contacts()[ADA]["custom_fields"]
    assert fields == {**EVERYTHING, "lifecycle_since": "2017-12-30T00:00:00Z"}


@only_sendgrid
def test_rows_that_are_refused_at_once_are_named_by_their_place(provider: Provider) -> None:
    destination = provider.connect()
    with pytest.raises(RowRejected) as rejection:
        destination.upsert([destination.encoded(email, {}) for email in (ADA, "000", BEN, "")], [])
    assert rejection.value.reasons == {1: "email '000' is not valid", 3: "email is required"}
    assert "000" not in str(rejection.value)


@only_sendgrid
def test_a_value_of_another_type_is_refused_later_with_the_reason(provider: Provider) -> None:
    destination = provider.connect()
    number = destination.field_ids["lifecycle_orders"]
    contacts = [orjson.dumps({"email": ADA, "custom_fields": {number: "many"}}), destination.encoded(EVE, {})]
    outcome = finished(destination, destination.upsert(contacts, []))
    reason = f"custom field '{number}' is not a valid Number"
    assert outcome == Outcome("completed", [(ADA, reason)], 1)


@only_sendgrid
def test_a_custom_field_that_is_not_known_there_yet_is_waited_for(provider: Provider) -> None:
    destination = provider.connect()
    contact = destination.encoded(ADA, {"lifecycle_stage": "new"})
    provider.server.store.run("delete from field where name = 'lifecycle_stage'")
    with pytest.raises(RetryLater, match="not known there yet"):
        destination.upsert([contact], [])


@only_sendgrid
def test_contacts_that_are_there_are_known_from_those_that_are_not(provider: Provider) -> None:
    destination, longest = provider.connect(), f"{'x' * 60}@{'y' * 50}.example.com"
    assert isinstance(destination, FindsContacts)
    write(destination, {ADA: {}}, "VIP")
    assert destination.existing([ADA, BEN, longest]) == {ADA, longest}
    assert destination.existing([BEN]) == set()


@only_sendgrid
def test_nothing_is_sent_to_take_off_who_is_not_on_the_list(provider: Provider) -> None:
    destination = provider.connect()
    write(destination, {ADA: {}}, "Lapsed")
    assert destination.remove("VIP", [ADA, EVE]).job is None
    assert [method for method, _ in provider.wire.calls if method == "DELETE"] == []


@only_sendgrid
def test_the_contacts_of_an_address_leave_the_list_in_whatever_form_they_were_written(provider: Provider) -> None:
    destination = provider.connect()
    forms = ["info@müller.de", "info@xn--mller-kva.de"]
    write(destination, {form: {} for form in forms}, "VIP")
    assert destination.members_among("VIP", forms) == {"info@xn--mller-kva.de"}
    remove(provider, destination, "VIP", "info@müller.de")
    assert provider.server.members("VIP") == {"info@xn--mller-kva.de"}
    provider.server.add_contact("info@mu\u0308ller.de", lists=["VIP"])
    remove(provider, destination, "VIP", "info@xn--mller-kva.de")
    assert provider.server.members("VIP") == set()


@only_sendgrid
def test_no_search_has_more_addresses_than_it_takes(provider: Provider) -> None:
    destination = provider.connect()
    people = [f"jörg{number}@xn--mller-kva.de" for number in range(destination.max_removals)]
    write(destination, {email: {} for email in people}, "VIP")
    remove(provider, destination, "VIP", *people)
    assert provider.server.members("VIP") == set()


@pytest.mark.parametrize(
    "text",
    [
        "email,error\nADA@example.com,no such mailbox\n",
        "\ufeffEmail Address,Reason\r\nada@example.com,no such mailbox\r\n",
        "row,message,email\n7,no such mailbox,ada@example.com\n",
        "contact,first_name,why\nada@example.com,Ada,no such mailbox\n\nragged\n",
        'email,error_message\nada@example.com," no such mailbox "\n',
    ],
)
def test_address_and_message_are_found_in_any_order_of_columns(world: World, text: str) -> None:
    path = keep_file(world.esp.store, "errors.csv", text.encode())
    assert rejected_rows(world.address + path) == [("ada@example.com", "no such mailbox")]


def test_a_file_that_is_no_text_names_nobody(world: World) -> None:
    path = keep_file(world.esp.store, "errors.csv", b"\xff\xfe\x00email")
    assert rejected_rows(world.address + path) == []
