"""What SendGrid refuses is taken at its own level: a row, a field, a batch, or the account."""

import logging

import orjson
import pytest

from lifecycle.destinations import Outcome, Removal
from lifecycle.destinations.sendgrid.writer import MOST_WAITS
from lifecycle.errors import AccountRefused, AnswerUnreadable, RetryLater, RowRejected
from lifecycle.testing.faults import Fault
from lifecycle.testing.providers import ADA, BEN, EVE, LISTS, Provider, finished, write

pytestmark = pytest.mark.parametrize("provider", ["sendgrid"], indirect=True)
STAGE = {"lifecycle_stage": "new"}


def test_a_batch_of_which_no_row_is_named_is_refused_without_reasons(provider: Provider) -> None:
    destination = provider.connect()
    provider.server.rules.names = "nobody"
    with pytest.raises(RowRejected) as rejection:
        destination.upsert([destination.encoded(email, {}) for email in (ADA, "000")], [])
    assert rejection.value.reasons == {}


def test_a_full_plan_stops_at_once_and_says_so(provider: Provider) -> None:
    destination = provider.connect()
    provider.server.rules.max_contacts, provider.server.rules.contact_limit = 0, "request"
    with pytest.raises(AccountRefused, match="you have hit your contact limit"):
        destination.upsert([destination.encoded(ADA, {})], [])


def test_a_full_plan_that_is_told_by_row_is_the_account_s_too(provider: Provider) -> None:
    destination = provider.connect()
    write(destination, {ADA: {}})
    provider.server.rules.max_contacts = 1
    ((email, reason),) = write(destination, {ADA: STAGE, BEN: STAGE}).rejected
    assert email == BEN
    assert destination.blames_account(reason)


@pytest.mark.parametrize(
    ("rule", "words"), [("max_lists", "at most 2 lists"), ("max_fields", "at most 2 custom fields")]
)
def test_an_account_that_has_no_room_for_a_list_or_field_says_how_many_it_takes(
    provider: Provider, rule: str, words: str
) -> None:
    setattr(provider.server.rules, rule, 2)
    with pytest.raises(AccountRefused, match=words):
        provider.connect(lists=[*LISTS, "One more"])


@pytest.mark.parametrize("form", ["messages", "expired", "missing"])
def test_refused_rows_without_addresses_are_counted_and_nobody_is_named(provider: Provider, form: str) -> None:
    provider.server.rules.errors_file = form
    provider.server.rules.refused = {BEN: "no such mailbox"}
    assert write(provider.connect(), {ADA: {}, BEN: {}}) == Outcome("completed", [], 1)


@pytest.mark.parametrize("unknown_field", ["row", "message"])
def test_a_field_that_stays_unknown_after_it_was_waited_for_is_the_row_s_or_stops(
    provider: Provider, unknown_field: str
) -> None:
    provider.server.rules.unknown_field = unknown_field
    destination = provider.connect()
    contacts = [destination.encoded(ADA, {}), destination.encoded(BEN, STAGE)]
    provider.server.delete_field("lifecycle_stage")
    for _ in range(MOST_WAITS):
        with pytest.raises(RetryLater, match="not known there yet"):
            destination.upsert(contacts, [])
    with pytest.raises((RowRejected, AnswerUnreadable)) as raised:
        destination.upsert(contacts, [])
    if isinstance(raised.value, RowRejected):
        assert raised.value.reasons.keys() == ({1} if unknown_field == "row" else set())


def test_a_field_that_somebody_deletes_during_a_night_is_nobody_s_fault(provider: Provider) -> None:
    provider.connect()
    destination = provider.connect()
    contact = destination.encoded(ADA, STAGE)
    job = destination.upsert([contact, destination.encoded(BEN, {})], ["VIP"])
    provider.server.delete_field("lifecycle_stage")
    assert finished(destination, job) == Outcome("completed", [], 1)
    with pytest.raises(AnswerUnreadable, match="a custom field was deleted there, the next run makes it again"):
        destination.upsert([contact], [])
    assert write(provider.connect(), {ADA: STAGE}).rejected_count == 0


def test_a_row_of_which_a_new_field_came_late_is_named_the_second_time(provider: Provider) -> None:
    destination = provider.connect()
    jobs = [destination.upsert([destination.encoded(ADA, STAGE)], []) for _ in range(2)]
    provider.server.delete_field("lifecycle_stage")
    assert finished(destination, jobs[0]).rejected == []
    assert [email for email, _ in finished(destination, jobs[1]).rejected] == [ADA]


def test_an_external_id_is_kept_if_it_is_known_and_refused_for_its_row_alone_if_not(provider: Provider) -> None:
    provider.server.add_contact(ADA, external_id="customer 7")
    destination = provider.connect()
    outcome = write(destination, {ADA: STAGE, BEN: STAGE}, "VIP")
    assert [email for email, _ in outcome.rejected] == [ADA]
    assert write(destination, {ADA: {**STAGE, "external_id": "customer 7"}}, "VIP").rejected_count == 0
    assert provider.server.contacts()[ADA]["external_id"] == "customer 7"
    assert orjson.loads(destination.encoded(ADA, {"external_id": None})) == {"email": ADA}
    assert [held.fields for held in destination.contacts("VIP") if held.email == ADA] == [STAGE]


def test_who_is_not_found_by_a_search_is_told_and_stays_for_the_moment(provider: Provider) -> None:
    destination = provider.connect()
    write(destination, {ADA: {}}, "VIP")
    provider.server.faults.add(Fault("search_misses", path="/search/emails$"))
    removal = destination.remove("VIP", [ADA])
    assert removal == Removal(None, frozenset({ADA}))
    assert provider.server.members("VIP") == {ADA}


def test_a_contact_that_is_gone_keeps_nobody_else_on_the_list(provider: Provider) -> None:
    destination = provider.connect()
    write(destination, {ADA: {}, BEN: {}, EVE: {}}, "VIP")
    ids = {held.email: held.contact_id for held in destination.contacts("VIP")}
    provider.server.delete_contact(BEN)
    provider.server.faults.add(Fault("404", method="DELETE", path="/contacts$"))
    job = destination.remove_by_id("VIP", [ids[ADA], ids[BEN]])
    assert job
    assert finished(destination, job).status == "completed"
    assert provider.server.members("VIP") == {EVE}


def test_nobody_is_on_a_list_of_which_a_removal_finds_that_it_is_gone(provider: Provider) -> None:
    destination = provider.connect()
    write(destination, {ADA: {}}, "VIP")
    ids = [held.contact_id for held in destination.contacts("VIP")]
    provider.server.delete_list("VIP")
    assert destination.remove_by_id("VIP", ids) is None


def test_an_exported_contact_without_an_address_is_counted_and_passed_over(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    destination = provider.connect()
    provider.server.add_contact(None, lists=["VIP"], external_id="customer 8")
    write(destination, {ADA: {}}, "VIP")
    assert [held.email for held in destination.contacts("VIP")] == [ADA]
    assert "list 'VIP': contacts without an e-mail address, passed over: 1" in caplog.text


def test_an_account_whose_name_the_key_may_not_read_has_no_identity(provider: Provider) -> None:
    destination = provider.connect()
    provider.server.rules.may_read_username = False
    assert destination.account().identity is None  # type: ignore[attr-defined]


def test_two_accounts_have_two_identities(provider: Provider) -> None:
    provider.server.add_account("SG.other")
    accounts = [provider.connect(key=key).account() for key in (None, "SG.other")]  # type: ignore[attr-defined]
    assert accounts[0].identity != accounts[1].identity
