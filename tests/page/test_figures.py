"""Every section shows the figures that the marts hold, and what is asked for changes them."""

from collections.abc import Callable

import pytest

from lifecycle import warehouse
from lifecycle.page.locales import DASH
from tests.page.conftest import Site

DECEMBER = "?from=2017-12-01&to=2017-12-31"


def test_stages_are_counted_at_the_end_and_compared_with_the_beginning(site: Site) -> None:
    text = site.shown("/" + DECEMBER).section("stages")
    assert "Prospects 93" in text
    assert "At risk 393" in text
    assert "+31" in text


def test_stages_over_time_are_those_of_the_range(site: Site) -> None:
    chart = site.shown("/?from=2017-12-30&to=2017-12-31").charts["stages"]
    assert [(trace["name"], trace["y"]) for trace in chart["data"]][:2] == [
        ("Prospects", [92, 93]),
        ("New customers", [192, 193]),
    ]


def test_a_long_range_is_shown_by_the_week(site: Site) -> None:
    page = site.shown("/?from=2016-12-31&to=2017-12-31")
    assert page.charts["stages"]["data"][0]["x"][-2:] == ["2017-12-24", "2017-12-31"]
    assert "By week" in page.section("timeline")


def test_the_flow_between_stages_adds_up_to_the_moves(site: Site) -> None:
    (sankey,) = site.shown("/" + DECEMBER).charts["moves"]["data"]
    assert sum(sankey["link"]["value"]) == 40 + 11 + 7 + 6 + 23 + 13 + 5 + 3
    assert "New contacts (51)" in sankey["node"]["label"]
    assert "New customers (18)" in sankey["node"]["label"]
    assert ["At risk", "Lapsed", "13"] in site.shown("/" + DECEMBER).rows("moves")


def test_in_a_framework_moves_within_a_phase_drop_out(site: Site) -> None:
    page = site.shown("/" + DECEMBER + "&framework=base_category")
    assert ["Inaktive Kunden", "Bestandskunden", "3"] in page.rows("moves")
    assert sum(page.charts["moves"]["data"][0]["link"]["value"]) == 40 + 11 + 7 + 6 + 13 + 3
    assert "Bestandskunden 686" in page.section("stages")


def test_the_timeline_tells_gains_and_losses_by_day(site: Site) -> None:
    rows = site.shown("/" + DECEMBER).rows("timeline")
    assert rows[0] == ["Day", "New contacts", "First purchases", "Win-backs", "Lapsed", "Lost"]
    assert ["5 Dec 2017", "51", "11", "0", "0", "0"] in rows
    assert ["6 Dec 2017", "0", "7", "0", "0", "0"] in rows
    assert ["10 Dec 2017", "0", "0", "3", "0", "5"] in rows


def test_cohorts_show_who_came_back(site: Site) -> None:
    page = site.shown("/")
    assert ["Nov 2017", "1", "50", "21", "42.0%"] in page.rows("cohorts")
    assert page.charts["cohorts"]["data"][0]["z"] == [[0.42]]


def test_a_shop_has_stages_moves_and_cohorts_of_its_own(site: Site) -> None:
    page = site.shown("/" + DECEMBER + "&shop=north")
    assert "Prospects 5,092" in page.section("stages")
    assert page.rows("moves")[1:] == [["New contacts", "New customers", "8"]]
    assert ["Nov 2017", "1", "9", "3", "33.3%"] in page.rows("cohorts")
    assert "all other figures cover everybody" in page.text


def test_a_shop_without_figures_says_so(site: Site) -> None:
    assert "There are no people in this period." in site.shown("/?shop=south").section("stages")


def test_a_ruleset_has_stages_and_moves_of_its_own(site: Site) -> None:
    page = site.shown("/" + DECEMBER + "&ruleset=companies")
    assert "Prospects 1,092" in page.section("stages")
    assert page.rows("moves")[1:] == [["New contacts", "Prospects", "77"]]


def test_the_gap_is_summed_over_the_months_of_the_range(site: Site) -> None:
    text = site.shown("/" + DECEMBER).section("gap")
    assert "Due: 1,700 contacts. Sent in time: 100." in text
    assert "Sent late: 50. Pending: 10. Missing: 1,540." in text
    assert "partly 100 of 1,400" in text
    assert "missing 0 of 300" in text


def test_a_verdict_over_several_months_follows_the_sums(site: Site) -> None:
    assert "partly 2,100 of 3,400" in site.shown("/?from=2017-10-01").section("gap")


def test_scenarios_stand_in_the_column_of_their_stage_or_phase(site: Site) -> None:
    rows = site.shown("/" + DECEMBER).rows("gap")
    assert rows[0] == ["Scenario", "Prospects", "New customers", "Active customers", "At risk", "Lapsed", "Lost"]
    (nudge,) = [row for row in rows if "script" in row[0]]
    assert [cell != "" for cell in nudge[1:]] == [False, False, False, True, False, False]
    phases = site.shown("/" + DECEMBER + "&framework=base_category").rows("gap")
    assert phases[0] == ["Scenario", "Interessenten", "Neukunden", "Bestandskunden", "Inaktive Kunden"]


def test_a_scenario_has_its_figures_by_month_day_and_status(site: Site) -> None:
    page = site.shown("/gap/nudge" + DECEMBER)
    assert ["Dec 2017", "1,400", "100", "50", "10", "1,240", "60", "40", "9", "partly"] in page.rows("")
    assert ["4 Dec 2017", "100", "50", "10", "1,240", "0", "0", "0"] in page.rows("", 1)
    assert "excluded: unsubscribed, bounced or reported as spam" in page.text
    assert page.charts["gap-nudge"]["data"][0]["y"] == [100, 0]
    assert "Opened: 70 of 150 (46.7%). Clicked: 15 (10.0%)." in page.text
    assert "Bought within 14 days: 21 (14.0%)" in page.text


def test_a_scenario_has_the_days_of_whole_months_as_its_sums_have(site: Site) -> None:
    page = site.shown("/gap/nudge?from=2017-12-20&to=2017-12-21")
    assert page.charts["gap-nudge"]["data"][0]["x"] == ["2017-12-04", "2017-12-05"]


def test_an_estimated_value_comes_with_its_base_or_the_reason_why_there_is_none(site: Site) -> None:
    assert (
        "1,240 people at CHF 1.10 each (CHF 0.30 to CHF 1.90) = CHF 1,364.00, measured on 5,200 contacted and"
        " 580 held-out people in “at_risk”."
    ) in site.shown("/gap/nudge" + DECEMBER).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "no audience with a control group measures" in site.shown("/gap/lookalike" + DECEMBER).text
    assert "no data source says when this contact is due" in site.shown("/gap/basket" + DECEMBER).text


def test_effects_are_explained_in_a_sentence_with_both_intervals(site: Site) -> None:
    page = site.shown("/")
    text = page.section("effects")
    assert "Clicked: Higher for contacted people by +3.90 points (+0.20 to +7.60)." in text
    assert "Ordered: No effect shown yet: the true difference may be anything from \N{MINUS SIGN}5.00 to +6.80." in text
    assert "Not enough people yet." in text
    assert "The random split looks wrong" in text
    assert page.rows("effects")[1][1:4] == ["12.10%", "8.20%", "+3.90 points"]
    assert page.rows("effects")[1][5:] == ["+0.20 to +7.60", "+1.55 to +6.25"]


def test_audiences_and_deliveries_tell_what_was_planned_and_sent(site: Site) -> None:
    page = site.shown("/")
    assert page.rows("audiences")[1] == [
        *("Lifecycle: at risk", "125", "+25", "+25", "31", "6", "12", "0"),
        "unsubscribed, bounced or reported as spam: 8",
    ]
    runs = page.rows("audiences", -1)[1:]
    assert runs[0][1] == "Stopped by at_risk: too many: rejected."
    assert runs[1] == ["30 Dec 2017", "delivered", "90", "88", "87", "1"]


def test_a_list_that_is_no_longer_configured_stands_apart_from_the_audience_of_its_name(site: Site) -> None:
    page = site.shown("/")
    assert len(page.rows("audiences")) == 2
    assert page.rows("audiences", 1) == [["List", "People who leave"], ["at_risk", "77"]]


def test_lists_that_were_read_back_are_compared_with_what_was_confirmed(site: Site) -> None:
    page = site.shown("/")
    assert page.rows("audiences", 2)[1:] == [
        ["Lifecycle: at risk", "100", "101", "2", "3", "4", "warning"],
        ["Lifecycle: lost", "55", "55", "0", "0", "0", DASH],
    ]
    assert "After the night of 30 Dec 2017, 1 of 2 lists was not as confirmed." in page.section("audiences")
    assert "Nach dem nächtlichen Lauf vom 30.12.2017 war 1 von 2 Listen nicht wie bestätigt." in (
        site.shown("/?lang=de").section("audiences")
    )


def test_lists_that_are_all_as_confirmed_say_so(own_site: Site) -> None:
    with warehouse.connect(own_site.url) as connection:
        connection.execute("update delivery.reconciliation set missing = 0, extra = 0, different = 0")
        connection.execute("delete from quality.result")
    page = own_site.shown("/")
    assert "After the night of 30 Dec 2017, every list was as confirmed." in page.section("audiences")
    assert page.rows("audiences", 2)[1][-1] == DASH


def test_doubts_tell_what_happened_and_which_plan_has_the_people_again(site: Site) -> None:
    rows = site.shown("/").rows("audiences", 3)
    assert rows[0] == ["Noticed on", "Event", "People", "In the plan of"]
    assert [(row[0], row[2], row[3]) for row in rows[1:]] == [
        ("1 Jan 2018", "61", "next night"),
        ("1 Jan 2018", "5", "next night"),
        ("1 Jan 2018", "300", "31 Dec 2017"),
        ("1 Jan 2018", "200", "31 Dec 2017"),
        ("1 Jan 2018", "4,000", "31 Dec 2017"),
        ("31 Dec 2017", "1,100", "30 Dec 2017"),
    ]
    events = [row[1] for row in rows[1:]]
    assert events[1].startswith("The list “<b>Lost</b>” was not as the email provider had confirmed.")
    assert events[3].startswith("The list “Lifecycle: at risk” was deleted at the email provider.")
    german = [row[1] for row in site.shown("/?lang=de").rows("audiences", 3)[1:]]
    assert german[2] == "Das Feld „lifecycle_orders“ wurde im Versandsystem gelöscht. Es wird wieder gefüllt."


def test_doubts_of_a_range_are_those_that_its_plans_had_to_repair(site: Site) -> None:
    rows = site.shown("/?from=2017-12-30&to=2017-12-30").rows("audiences", 2)
    assert [row[2] for row in rows[1:]] == ["1,100"]
    assert "Doubts" not in site.shown("/?from=2017-12-20&to=2017-12-29").section("audiences")


def test_an_approver_is_not_named(site: Site) -> None:
    assert "somebody@" not in site.client.get("/").text


def test_engagement_shows_messages_and_stages(site: Site) -> None:
    page = site.shown("/" + DECEMBER)
    assert page.rows("engagement")[1:] == [["12 Dec 2017", "812", "233", "41", "2", "3"]]
    assert ["Active customers", "300", "700", "0", "0"] in page.rows("engagement", 1)


def test_days_without_a_campaign_say_so(site: Site) -> None:
    page = site.shown("/?from=2017-12-20&to=2017-12-31")
    assert "No message was delivered in this period." in page.section("engagement")


def test_quality_names_what_did_not_pass(site: Site) -> None:
    page = site.shown("/")
    assert "2 checks failed" in page.section("quality")
    assert "orders_volume/north: new_orders_are_as_many_as_usual (new)" in page.rows("quality")[1]
    assert "Lists that were read back: Lifecycle: at risk" in page.rows("quality")[2]
    assert page.rows("quality", 1)[1:] == [
        ["31 Dec 2017", "Data that was read", "1", "1", "0"],
        ["30 Dec 2017", "Lists that were read back", "0", "1", "0"],
    ]


def test_a_source_that_the_last_night_has_not_read_is_warned_of(site: Site) -> None:
    page = site.shown("/")
    assert "esp/bounces (28 Dec 2017)" in page.text
    assert ["north", "orders", "31 Dec 2017", "4,061", "512", "30 Dec 2017", "1 day", "0", "24 Dec 2017"] in page.rows(
        "freshness"
    )


@pytest.mark.parametrize("address", ["/", "/gap/nudge", "/?framework=base_category&lang=de", "/?shop=north"])
def test_every_chart_is_one_that_plotly_can_draw(site: Site, address: str) -> None:
    from plotly import graph_objects

    charts = site.shown(address).charts
    assert charts
    for chart in charts.values():
        graph_objects.Figure(chart)


def test_a_page_is_read_in_few_queries(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from psycopg import Cursor

    queries: list[object] = []
    execute: Callable[..., object] = Cursor.execute

    def counted(cursor: Cursor[tuple[object, ...]], query: object, *rest: object, **more: object) -> object:
        queries.append(query)
        return execute(cursor, query, *rest, **more)

    monkeypatch.setattr(Cursor, "execute", counted)
    site.shown("/")
    assert 10 < len(queries) <= 24
