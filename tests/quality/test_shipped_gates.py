"""The shipped gates as a whole: all checks that the settings ask for, and all pass on sound data."""

import pytest

from lifecycle import quality
from lifecycle.errors import GateFailed
from tests.quality.sound import RUN_DATE, SETTINGS, execute, rows, run


@pytest.mark.parametrize("gate", ["raw", "marts"])
def test_sound_data_passes_every_shipped_check(url: str, gate: quality.Gate) -> None:
    counts = run(url, gate)
    assert counts == {"passed": counts["passed"], "warning": 0, "critical": 0}
    expected = {"raw": 52, "marts": 11}
    assert rows(url, "select count(*), bool_and(success) from quality.result") == [(expected[gate], True)]


def test_message_activity_is_not_missed_where_it_is_switched_off(url: str) -> None:
    execute(url, "delete from raw.pull where stream = 'messages'")
    esp = SETTINGS.esp.model_copy(update={"message_activity": False})
    quality.run(url, "raw", RUN_DATE, SETTINGS.model_copy(update={"esp": esp}))


def test_every_provider_that_is_read_has_a_suite_of_its_own(url: str) -> None:
    both = SETTINGS.model_copy(update={"additional_esps": {"news": SETTINGS.esp}})
    execute(
        url,
        "insert into raw.pull select 'news', stream, run_date, started_at, finished_at, 1, 0, 0, null"
        " from raw.pull where source = 'esp'",
        "insert into raw.sendgrid__contacts select 'news/' || id, 'news', null, doc, loaded_at, false"
        " from raw.sendgrid__contacts",
    )
    with pytest.raises(GateFailed, match="suppressions/news suppressions_are_known"):
        quality.run(url, "raw", RUN_DATE, both)
    refused = (
        """insert into raw.sendgrid__blocks values ('news/1', 'news', null, '{"email": "P7@example.com "}', now())"""
    )
    execute(url, refused)
    quality.run(url, "raw", RUN_DATE, both)
    with pytest.raises(GateFailed, match="audience_members/news nobody_suppressed_is_a_member") as raised:
        quality.run(url, "marts", RUN_DATE, both)
    assert "audience_members/esp" not in str(raised.value)
