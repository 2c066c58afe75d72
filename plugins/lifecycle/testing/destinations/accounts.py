"""Whose account it is, and who must not be written to: what some destinations can tell."""

import re
from datetime import UTC, datetime

from lifecycle.destinations import DescribesAccount, ListsSuppressions
from lifecycle.testing.providers import ADA, BEN, LISTS, Provider, write

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class AccountContract:
    """What every ``DescribesAccount`` promises."""

    def test_an_account_is_known_by_a_digest_that_stays(self, provider: Provider) -> None:
        destinations = [provider.connect(), provider.connect(lists=[], fields={})]
        identities = {each.account().identity for each in destinations if isinstance(each, DescribesAccount)}
        assert len(identities) == 1
        assert re.fullmatch(r"[0-9a-f]{64}", str(*identities))

    def test_an_account_says_which_lists_and_fields_it_has_and_is_not_changed(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}, BEN: {}}, "VIP")
        provider.server.faults.requests.clear()
        assert isinstance(destination, DescribesAccount)
        account = destination.account()
        assert provider.server.faults.writes() == 0
        lists = {each.name: each for each in account.lists}
        assert {name: each.id for name, each in lists.items()} == destination.list_ids
        assert [lists[name].count for name in LISTS] == [2, 0]
        assert {name: account.fields[name] for name in destination.field_ids} == destination.field_ids

    def test_a_list_that_was_deleted_there_is_missing(self, provider: Provider) -> None:
        destination = provider.connect()
        provider.case.delete_list(provider.server, "VIP")
        assert isinstance(destination, DescribesAccount)
        assert {each.name for each in destination.account().lists} - provider.case.own_lists == {"Lapsed"}


class SuppressionContract:
    """What every ``ListsSuppressions`` promises."""

    def test_who_was_suppressed_since_then_is_told(self, provider: Provider) -> None:
        destination = provider.connect()
        write(destination, {ADA: {}, BEN: {}}, "VIP")
        provider.case.suppress(provider.server, ADA)
        assert isinstance(destination, ListsSuppressions)
        assert {*destination.suppressed_since(LONG_AGO)} == {ADA}
        provider.server.faults.requests.clear()
        assert [*destination.suppressed_since(datetime.now(UTC).replace(year=9000))] == []
        assert provider.server.faults.writes() == 0
