"""Who leaves a list, by address or by id, and what is read back of it."""

import pytest

from lifecycle.destinations import Removal
from lifecycle.errors import AnswerUnreadable
from lifecycle.testing.providers import ADA, BEN, EVE, EVERYTHING, Provider, finished, remove, write


class LeavingContract:
    """People leave the lists that they are to leave, and no others; a suppression stays."""

    def test_an_empty_batch_sends_nothing(self, provider: Provider) -> None:
        destination = provider.connect()
        provider.server.faults.requests.clear()
        assert destination.remove("VIP", []) == Removal(None)
        assert destination.members_among("VIP", []) == set()
        assert not provider.server.faults.requests

    def test_people_leave_one_list_and_stay_on_the_others(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}, BEN: {}}, "VIP", "Lapsed")
        remove(provider, destination, "VIP", ADA, EVE)
        assert provider.server.members("VIP") == {BEN}
        assert provider.server.members("Lapsed") == {ADA, BEN}
        assert provider.server.contacts().keys() == {ADA, BEN}

    def test_nobody_has_to_leave_a_list_that_holds_none_of_them(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}}, "Lapsed")
        assert destination.remove("VIP", [ADA, EVE]).job is None
        assert destination.remove("VIP", [EVE]).job is None
        assert provider.server.members("Lapsed") == {ADA}

    def test_whom_nobody_can_find_is_told_and_keeps_nobody_on_the_list(self, provider: Provider) -> None:
        destination, unsearchable = provider.connect(), f"{'e' * 60}@{'x' * 50}.example.com"
        write(destination, {ADA: {}, BEN: {}}, "VIP")
        removal = destination.remove("VIP", [ADA, EVE, unsearchable])
        assert removal.not_found <= {EVE, unsearchable}
        assert removal.job is None or finished(destination, removal.job).status == "completed"
        assert provider.server.members("VIP") == {BEN}

    def test_people_leave_by_the_ids_that_a_read_back_shows(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}, BEN: {}}, "VIP", "Lapsed")
        ids = {held.email: held.contact_id for held in destination.contacts("VIP")}
        job = destination.remove_by_id("VIP", [ids[ADA]])
        assert (job is not None) == provider.case.removal_is_a_job
        assert job is None or finished(destination, job).status == "completed"
        assert (provider.server.members("VIP"), provider.server.members("Lapsed")) == ({BEN}, {ADA, BEN})
        assert destination.remove_by_id("VIP", []) is None
        assert destination.remove_by_id("No such list", [ids[ADA]]) is None

    def test_a_list_that_is_unknown_or_was_deleted_holds_nobody(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}}, "VIP")
        provider.case.delete_list(provider.server, "VIP")
        for name in ("VIP", "No such list"):
            assert destination.remove(name, [ADA]).job is None
            assert destination.members_among(name, [ADA]) == set()
        assert list(destination.contacts("No such list")) == []

    def test_joining_a_list_that_was_deleted_there_stops_and_puts_nobody_aside(self, provider: Provider) -> None:
        destination = provider.connect()
        provider.case.delete_list(provider.server, "VIP")
        with pytest.raises(AnswerUnreadable):
            destination.upsert([destination.encoded(ADA, {})], ["VIP"])

    def test_as_many_addresses_as_one_request_takes_leave_and_are_looked_up(self, provider: Provider) -> None:
        destination = provider.connect()
        people = [f"p{number}@example.com" for number in range(destination.max_removals)]
        write(destination, {email: {} for email in people[:60]} | {ADA: {}}, "VIP")
        assert destination.members_among("VIP", people) == {*people[:60]}
        provider.wire.calls.clear()
        remove(provider, destination, "VIP", *people)
        assert provider.calls("remove") == 1
        assert provider.server.members("VIP") == {ADA}

    def test_the_contacts_of_a_list_are_read_back_whoever_put_them_there(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}, BEN: {}}, "VIP")
        provider.server.add_contact("Eve@Example.com", lists=["VIP"])
        assert sorted(held.email for held in destination.contacts("VIP")) == [ADA, BEN, EVE]
        assert list(destination.contacts("Lapsed")) == []

    def test_a_contact_is_read_back_by_the_one_form_of_its_address(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {"jörg@xn--mller-kva.de": {}, ADA: {}}, "VIP")
        provider.server.add_contact("jo\u0308rg@müller.de", lists=["VIP"])
        held = [each.email for each in destination.contacts("VIP")]
        assert sorted(held) == [ADA, "jörg@xn--mller-kva.de", "jörg@xn--mller-kva.de"]

    def test_a_long_list_is_read_to_its_end(self, provider: Provider) -> None:
        destination = provider.connect()
        people = {f"p{number}@example.com" for number in range(1001)}
        for email in people:
            provider.server.add_contact(email, lists=["VIP"])
        held = [each.email for each in destination.contacts("VIP")]
        assert len(held) == len(people)
        assert {*held} == people

    def test_no_sync_lifts_a_suppression(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: EVERYTHING}, "VIP")
        provider.case.suppress(provider.server, ADA)
        write(destination, {ADA: {"lifecycle_stage": "lapsed", "lifecycle_orders": None}}, "Lapsed")
        write(destination, {ADA: {"lifecycle_stage": "lost"}})
        remove(provider, destination, "VIP", ADA)
        provider.connect()
        assert provider.fields(ADA)["lifecycle_stage"] == "lost"
        assert provider.case.is_suppressed(provider.server, ADA)
        sent = b"".join(provider.wire.bodies).lower()
        assert [word for word in (b"blacklist", b"suppress", b"unsubscribe") if word in sent] == []
        assert {method for method, path in provider.wire.calls if "suppress" in path or "asm" in path} <= {"GET"}
