"""What has to be at the provider before anything is written: lists and fields."""

import pytest

from lifecycle.errors import AnswerUnreadable, SettingsInvalid
from lifecycle.testing.faults import Fault
from lifecycle.testing.providers import ADA, EVE, FIELDS, LISTS, Provider, write


class ConnectingContract:
    """Lists and fields are made once, and found again."""

    def test_lists_and_fields_are_made_once(self, provider: Provider) -> None:
        provider.connect()
        assert provider.lists() == {*LISTS}
        assert {name.lower() for name in provider.server.fields()} == FIELDS.keys()
        made = provider.server.lists() | provider.server.fields()
        provider.server.faults.requests.clear()
        provider.connect()
        assert provider.server.lists() | provider.server.fields() == made
        assert provider.server.faults.writes() == 0

    @pytest.mark.parametrize("kind", ["500", "reset_mid_body", "truncated"])
    def test_what_was_made_before_its_answer_got_lost_is_not_made_again(self, provider: Provider, kind: str) -> None:
        for path in provider.case.creations:
            provider.server.faults.add(Fault(kind, method="POST", path=path, performed=True))
        destination = provider.connect()
        assert write(destination, {ADA: {"lifecycle_stage": "new"}}, *LISTS).status == "completed"
        assert provider.lists() == {*LISTS}
        assert provider.fields(ADA) == {"lifecycle_stage": "new"}

    def test_a_list_that_cannot_be_made_stops(self, provider: Provider) -> None:
        with pytest.raises(AnswerUnreadable):
            provider.connect(lists=["x" * 101])

    def test_a_field_of_another_type_has_to_be_changed_by_a_person(self, provider: Provider) -> None:
        provider.connect(fields={"lifecycle_orders": "Text"})
        with pytest.raises(SettingsInvalid, match=provider.case.other_type):
            provider.connect()

    def test_a_field_whose_name_has_other_letter_case_is_the_same(self, provider: Provider) -> None:
        provider.server.add_field("Lifecycle_Stage", "Text")
        destination = provider.connect()
        write(destination, {ADA: {"lifecycle_stage": "new"}}, "VIP")
        assert provider.fields(ADA) == {"lifecycle_stage": "new"}
        assert [held.fields for held in destination.contacts("VIP")] == [{"lifecycle_stage": "new"}]

    def test_a_list_whose_name_has_other_letter_case_is_another(self, provider: Provider) -> None:
        provider.server.add_contact(EVE, lists=["vip"])
        destination = provider.connect()
        write(destination, {ADA: {}}, "VIP")
        assert (provider.server.members("VIP"), provider.server.members("vip")) == ({ADA}, {EVE})
        assert [held.email for held in destination.contacts("VIP")] == [ADA]

    def test_who_asks_for_no_list_and_no_field_writes_nothing(self, provider: Provider) -> None:
        provider.connect(lists=[], fields={})
        assert provider.server.faults.writes() == 0

    def test_more_lists_than_one_page_are_known(self, provider: Provider) -> None:
        provider.connect(lists=["List 0"], fields={})
        for number in range(1001):
            provider.server.add_list(f"List {number}")
        provider.server.faults.requests.clear()
        provider.connect(lists=[f"List {number}" for number in range(1001)], fields={})
        assert provider.server.faults.writes() == 0

    def test_a_list_that_somebody_renamed_is_known_by_its_id(self, provider: Provider) -> None:
        known_lists = dict(provider.connect().list_ids)
        provider.case.rename_list(provider.server, "VIP", "Very important")
        destination = provider.connect(known_lists=known_lists)
        assert destination.list_ids["VIP"] == known_lists["VIP"]
        assert provider.lists() == {"Very important", "Lapsed"}
        write(destination, {ADA: {}}, "VIP")
        assert provider.server.members("Very important") == {ADA}

    def test_a_list_whose_id_is_gone_is_known_by_its_name(self, provider: Provider) -> None:
        known_lists = dict(provider.connect().list_ids)
        destination = provider.connect(known_lists={"VIP": "999999", "Lapsed": known_lists["VIP"]})
        assert destination.list_ids["VIP"] == destination.list_ids["Lapsed"] == known_lists["VIP"]
        assert provider.lists() == {*LISTS}

    def test_lists_and_fields_are_told_by_their_ids(self, provider: Provider) -> None:
        destination = provider.connect()
        assert destination.list_ids.keys() - provider.case.own_lists == {*LISTS}
        assert FIELDS.keys() <= destination.field_ids.keys()
        ids = [*destination.list_ids.values(), *destination.field_ids.values()]
        assert all(isinstance(each, str) and each for each in ids)
        assert len(ids) == len({*ids})
