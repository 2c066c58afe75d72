"""What is written: values in the type of their field, batches, and what becomes of the rows."""

from typing import Any

import pytest

from lifecycle.destinations import RemoteContact
from lifecycle.errors import AccountRefused, RowRejected
from lifecycle.testing.faults import Fault
from lifecycle.testing.providers import ADA, BEN, EVE, EVERYTHING, LISTS, Provider, finished, write


class WritingContract:
    """Contacts and their fields arrive, one by one and in batches."""

    def test_what_is_written_is_read_back_as_it_was_given(self, provider: Provider) -> None:
        destination = provider.connect()
        assert write(destination, {ADA: EVERYTHING, BEN: {}}, "VIP").status == "completed"
        assert provider.fields(ADA) == EVERYTHING
        held = {each.email: each for each in destination.contacts("VIP")}
        ids = {email: str(contact["id"]) for email, contact in provider.server.contacts().items()}
        assert held == {ADA: RemoteContact(ids[ADA], ADA, EVERYTHING), BEN: RemoteContact(ids[BEN], BEN, {})}

    def test_any_writing_arrives_unharmed(self, provider: Provider) -> None:
        text = "Grüße, \"Käse\" & 奶酪 🧀\n\\u0000 'שלום'"
        destination = provider.connect()
        write(destination, {ADA: {"lifecycle_stage": text}}, "VIP")
        assert provider.fields(ADA) == {"lifecycle_stage": text}
        assert [held.fields for held in destination.contacts("VIP")] == [{"lifecycle_stage": text}]

    def test_a_text_that_is_too_long_is_cut(self, provider: Provider) -> None:
        assert write(provider.connect(), {ADA: {"lifecycle_stage": "🧀" * 1001}}).rejected_count == 0
        assert provider.fields(ADA) == {"lifecycle_stage": "🧀" * 1000}

    @pytest.mark.parametrize(
        ("name", "value", "arrived"),
        [
            ("lifecycle_stage", True, "yes"),
            ("lifecycle_stage", False, "no"),
            ("lifecycle_stage", 7, "7"),
            ("lifecycle_stage", 12.5, "12.5"),
            ("lifecycle_orders", True, 1),
            ("lifecycle_orders", "12.5", 12.5),
            ("lifecycle_orders", " 7 ", 7),
            ("lifecycle_since", "2017-12-30T23:30:00+01:00", "2017-12-30"),
            ("lifecycle_since", "2017-12-30 23:30:00", "2017-12-30"),
        ],
    )
    def test_a_value_arrives_in_the_type_of_its_field(
        self, provider: Provider, name: str, value: object, arrived: object
    ) -> None:
        destination = provider.connect()
        assert write(destination, {ADA: {name: value}}, "VIP").rejected_count == 0
        assert provider.fields(ADA) == {name: arrived}
        assert [held.fields for held in destination.contacts("VIP")] == [{name: arrived}]

    def test_a_value_that_its_field_cannot_say_is_left_out_and_counted(
        self, provider: Provider, caplog: pytest.LogCaptureFixture
    ) -> None:
        unsaid: list[dict[str, Any]] = [
            {"lifecycle_orders": "many", "lifecycle_since": "2017-13-01"},
            {"lifecycle_orders": float("nan"), "lifecycle_since": "soon"},
            {"lifecycle_orders": "Infinity", "lifecycle_since": 20171230},
        ]
        destination = provider.connect()
        people = zip((ADA, BEN, EVE), unsaid, strict=True)
        outcome = write(destination, {email: {"lifecycle_stage": "new", **fields} for email, fields in people}, "VIP")
        assert (outcome.status, outcome.rejected_count) == ("completed", 0)
        assert [provider.fields(email) for email in (ADA, BEN, EVE)] == [{"lifecycle_stage": "new"}] * 3
        assert caplog.text.count("{'lifecycle_orders': 3, 'lifecycle_since': 3}") == 1
        assert [value for value in ("many", "soon", "2017-13-01") if value in caplog.text] == []

    def test_no_row_has_a_null(self, provider: Provider) -> None:
        destination = provider.connect()
        names = [*EVERYTHING, "first_name", "last_name", "country", "language"]
        assert b"null" not in destination.encoded(ADA, dict.fromkeys(names))

    def test_a_field_is_emptied_and_the_others_stay(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: EVERYTHING}, "VIP")
        write(destination, {ADA: {"lifecycle_orders": None, "lifecycle_since": None}}, "VIP")
        assert provider.fields(ADA) == {"lifecycle_stage": "new"}
        write(destination, {ADA: {"lifecycle_stage": None}}, "VIP")
        assert [held.fields for held in destination.contacts("VIP")] == [{}]

    def test_a_field_that_the_provider_does_not_have_needs_no_emptying(self, provider: Provider) -> None:
        write(provider.connect(), {ADA: {"lifecycle_stage": "new", "lifecycle_long_gone": None}})
        assert provider.fields(ADA) == {"lifecycle_stage": "new"}

    def test_what_greets_stands_in_the_provider_s_own_fields(self, provider: Provider) -> None:
        names = {"first_name": "Zoë", "last_name": "Müller", "country": "CH", "language": "de"}
        destination = provider.connect(fields=dict.fromkeys(names, "Text"))
        made = provider.server.fields()
        assert write(destination, {ADA: names}, "VIP").rejected_count == 0
        assert provider.case.greeting_of(provider.server.contacts()[ADA]) == names
        assert [held.fields for held in destination.contacts("VIP")] == [names]
        assert provider.connect(fields=dict.fromkeys(names, "Text")).field_ids == destination.field_ids
        assert provider.server.fields() == made
        write(destination, {ADA: dict.fromkeys(names)})
        assert [held.fields for held in destination.contacts("VIP")] == [{}]

    def test_what_greets_is_no_reason_to_refuse_a_row(self, provider: Provider) -> None:
        names = {"first_name": "Z" * 2000, "last_name": "M" * 51, "country": 7, "language": True}
        destination = provider.connect(fields=dict.fromkeys(names, "Text"))
        assert write(destination, {ADA: names}, "VIP").rejected_count == 0
        assert provider.server.members("VIP") == {ADA}

    def test_fields_are_written_without_joining_any_of_our_lists(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}}, "VIP")
        write(destination, {ADA: EVERYTHING})
        assert provider.fields(ADA) == EVERYTHING
        assert (provider.server.members("VIP"), provider.server.members("Lapsed")) == ({ADA}, set())

    def test_an_address_that_is_twice_in_a_batch_is_one_contact(self, provider: Provider) -> None:
        destination = provider.connect()
        contacts = [destination.encoded(email, {"lifecycle_orders": 1}) for email in (ADA, BEN, ADA)]
        assert finished(destination, destination.upsert(contacts, ["VIP"])).status == "completed"
        assert provider.server.members("VIP") == {ADA, BEN}

    def test_the_largest_batch_goes_in_one_request(self, provider: Provider) -> None:
        destination = provider.connect()
        contacts = [
            destination.encoded(f"person{n}@example.com", EVERYTHING) for n in range(destination.max_batch_size)
        ]
        assert sum(map(len, contacts)) + len(contacts) < destination.max_batch_bytes
        assert destination.upsert(contacts, LISTS)
        assert provider.calls("upsert") == 1
        assert [provider.case.contacts_in(job) for job in provider.server.jobs()] == [destination.max_batch_size]

    def test_a_batch_that_is_too_large_is_rejected_without_a_reason_for_any_row(self, provider: Provider) -> None:
        destination = provider.connect()
        contacts = [destination.encoded(ADA, {"lifecycle_stage": "x" * 1000})] * 12_000
        with pytest.raises(RowRejected) as rejection:
            destination.upsert(contacts, ["VIP"])
        assert rejection.value.reasons == {}

    def test_rows_that_are_refused_later_are_named_by_their_address(self, provider: Provider) -> None:
        destination = provider.connect()
        method, path = provider.case.calls["upsert"]
        provider.server.faults.add(Fault("rows_rejected", method=method, path=path, rows=2))
        outcome = write(destination, {ADA: {}, BEN: {}, EVE: {}}, "VIP")
        assert (outcome.status, outcome.rejected_count) == ("completed", 2)
        assert [email for email, _ in outcome.rejected] == [ADA, BEN]
        assert provider.server.members("VIP") == {EVE}

    def test_a_job_that_failed_and_one_that_nobody_knows_are_told_apart(self, provider: Provider) -> None:
        destination = provider.connect()
        method, path = provider.case.calls["upsert"]
        provider.server.faults.add(Fault("job_failed", method=method, path=path))
        assert write(destination, {ADA: {}}, "VIP").status == "failed"
        assert destination.outcome(provider.case.unknown_job).status == "unknown"

    def test_a_reason_of_the_account_stops_and_is_quoted_without_an_address(self, provider: Provider) -> None:
        destination, reason = provider.connect(), provider.case.account_reason
        method, path = provider.case.calls["upsert"]
        body = provider.case.refusal_of(f"{reason} ({ADA})")
        provider.server.faults.add(Fault("400", method=method, path=path, body=body))
        with pytest.raises(AccountRefused) as raised:
            destination.upsert([destination.encoded(ADA, {})], ["VIP"])
        assert reason in str(raised.value)
        assert ADA not in str(raised.value)

    def test_a_reason_of_the_account_is_told_from_one_of_a_row(self, provider: Provider) -> None:
        destination = provider.connect()
        assert destination.blames_account(provider.case.account_reason)
        rows = (
            "the address is not valid",
            "not a valid Number",
            "no such mailbox",
            "length should be less than 50 chars",
        )
        assert [reason for reason in (*rows, "") if destination.blames_account(reason)] == []

    def test_a_list_or_a_field_that_the_account_has_no_room_for_stops(self, provider: Provider) -> None:
        for path in provider.case.creations:
            body = provider.case.refusal_of(provider.case.account_reason)
            provider.server.faults.add(Fault("400", method="POST", path=path, body=body))
            with pytest.raises(AccountRefused, match=provider.case.account_reason):
                provider.connect()
            provider.server.faults.clear()
