"""The charts as Plotly figures: plain dicts of ``data`` and ``layout``, made without Plotly."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lifecycle.page import chart_layout
from lifecycle.page.chart_layout import Figure, Span
from lifecycle.page.figures.effects import Effect
from lifecycle.page.figures.engagement import Engagement
from lifecycle.page.figures.gap import ScenarioResult
from lifecycle.page.figures.stages import NEW_CONTACTS, Move, Phase, Stages
from lifecycle.page.labels import ENGAGEMENT
from lifecycle.page.locales import DASH, Locale
from lifecycle.settings import STAGES

ENGAGEMENT_COLOURS = {"engaged": "#0b5f4f", "dormant": "#c08a00", "unreachable": "#a63a1c", "none": "#8a8f98"}
GAP_COLOURS = {
    "contacted_in_time": "#0b5f4f",
    "contacted_late": "#c08a00",
    "pending": "#8a8f98",
    "not_contacted": "#a63a1c",
}
PAD = 18
SANKEY_HEIGHT = 420


def over_time(stages: Stages, span: Span, locale: Locale) -> Figure:
    """Persons in each phase, stacked."""
    days = list(stages.daily)
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "stackgroup": "persons",
            "name": phase.label,
            "x": [day.isoformat() for day in days],
            "y": [stages.daily[day][index] for day in days],
            "line": {"width": 0.5, "color": chart_layout.COLOURS[phase.key]},
            "fillcolor": chart_layout.COLOURS[phase.key],
            "hovertemplate": "%{y:,}",
        }
        for index, phase in enumerate(stages.phases)
    ]
    return {"data": data, "layout": chart_layout.layout(locale, span, hovermode="x unified")}


def moves(stage_moves: Sequence[Move], locale: Locale) -> Figure:
    """A Sankey diagram: stages left on the left, stages entered on the right."""
    left = _side(stage_moves, "start")
    right = _side(stage_moves, "end")
    nodes = [*left, *right]
    most = max(len(left), len(right))
    data = {
        "type": "sankey",
        "arrangement": "fixed",
        "node": {
            "label": [
                f"{phase.label} ({locale.number(count)})" for side in (left, right) for phase, count in side.items()
            ],
            "color": [chart_layout.COLOURS[phase.key] for phase in nodes],
            "x": [0.001] * len(left) + [0.999] * len(right),
            "y": [*_heights(left, most), *_heights(right, most)],
            "pad": PAD,
            "thickness": 14,
            "line": {"width": 0},
            "hovertemplate": "%{label}<extra></extra>",
        },
        "link": {
            "source": [list(left).index(move.start) for move in stage_moves],
            "target": [len(left) + list(right).index(move.end) for move in stage_moves],
            "value": [move.persons for move in stage_moves],
            "color": [chart_layout.transparent(chart_layout.COLOURS[move.start.key]) for move in stage_moves],
            "customdata": [
                f"{move.start.label} → {move.end.label}: {locale.number(move.persons)}" for move in stage_moves
            ],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
    }
    layout = chart_layout.layout(locale, None, height=SANKEY_HEIGHT)
    layout["margin"] = {"l": 8, "r": 8, "t": 12, "b": 12}
    return {"data": [data], "layout": layout}


def _side(stage_moves: Sequence[Move], side: str) -> dict[Phase, int]:
    """The phases of one side, each with the number of moves."""
    counts: dict[Phase, int] = {}
    for move in sorted(stage_moves, key=lambda move: [NEW_CONTACTS, *STAGES].index(getattr(move, side).key)):
        counts[getattr(move, side)] = counts.get(getattr(move, side), 0) + move.persons
    return counts


def _heights(side: dict[Phase, int], most: int) -> list[float]:
    """The middle of each node, so that none overlap; without it, Plotly chooses the order."""
    gap = PAD / SANKEY_HEIGHT
    scale = (1 - gap * (most - 1)) / sum(side.values())
    top, middles = 0.0, []
    for count in side.values():
        middles.append(min(max(top + count * scale / 2, 0.001), 0.999))
        top += count * scale + gap
    return middles


def timeline(stages: Stages, span: Span, locale: Locale) -> Figure:
    """Gains above and losses below the axis."""
    _ = locale.text
    days = [point.day for point in stages.timeline]
    series = (
        ("entries", _("New contacts"), chart_layout.COLOURS["none"], 1),
        ("first_purchases", _("First purchases"), chart_layout.COLOURS["new"], 1),
        ("win_backs", _("Win-backs"), chart_layout.COLOURS["active"], 1),
        ("lapsed", _("Lapsed"), chart_layout.COLOURS["lapsed"], -1),
        ("lost", _("Lost"), chart_layout.COLOURS["lost"], -1),
    )
    data = [
        {
            "type": "bar",
            "name": name,
            "x": [day.isoformat() for day in days],
            "y": [sign * getattr(point, figure) for point in stages.timeline],
            "customdata": [locale.number(getattr(point, figure)) for point in stages.timeline],
            "hovertemplate": "%{customdata}",
            "marker": {"color": colour},
        }
        for figure, name, colour, sign in series
    ]
    layout = chart_layout.layout(locale, span, hovermode="x unified", barmode="relative")
    return {"data": data, "layout": layout}


def cohorts(stages: Stages, locale: Locale) -> Figure:
    """A row for each month of first purchases, a column for each month since; month 0 is always 100% and left out."""
    later = [row for row in stages.cohorts if row.months_since > 0]
    shares = {(row.cohort_month, row.months_since): float(row.retention) for row in later}
    starts = sorted({row.cohort_month for row in later}, reverse=True)
    since = sorted({row.months_since for row in later})
    cells = [[shares.get((start, months)) for months in since] for start in starts]
    data = {
        "type": "heatmap",
        "x": since,
        "y": [locale.month(start) for start in starts],
        "z": cells,
        "text": [["" if share is None else locale.share(share, 0) for share in row] for row in cells],
        "texttemplate": "%{text}",
        "hovertemplate": "%{y}, +%{x}: %{text}<extra></extra>",
        "textfont": {"color": chart_layout.INK},
        "colorscale": [[0, "#ffffff"], [1, "#7fa8cc"]],
        "zmin": 0,
        "zmax": 1,
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
    }
    layout = chart_layout.layout(locale, None, height=120 + 26 * len(starts))
    layout["xaxis"] = {"title": {"text": locale.text("Months since the first purchase")}, "dtick": 1, "showgrid": False}
    layout["yaxis"] = {"automargin": True, "autorange": "reversed", "type": "category", "showgrid": False}
    return {"data": [data], "layout": layout}


def gap_days(result: ScenarioResult, span: Span, locale: Locale) -> Figure:
    """What became of the due contacts of each day."""
    _ = locale.text
    names = {
        "contacted_in_time": _("Sent in time"),
        "contacted_late": _("Sent late"),
        "pending": _("Pending"),
        "not_contacted": _("Missing"),
    }
    days = [row.day for row in result.days]
    data = [
        {
            "type": "bar",
            "name": name,
            "x": [day.isoformat() for day in days],
            "y": [getattr(row, figure) for row in result.days],
            "marker": {"color": GAP_COLOURS[figure]},
            "hovertemplate": "%{y:,}",
        }
        for figure, name in names.items()
    ]
    return {
        "data": data,
        "layout": chart_layout.layout(locale, span, hovermode="x unified", barmode="stack", height=260),
    }


def messages(engagement: Engagement, span: Span, locale: Locale) -> Figure:
    """Messages delivered, and how many of them were opened and clicked."""
    _ = locale.text
    days = [row.day for row in engagement.days]
    # opened messages are drawn over the delivered ones, clicked ones over both
    width = chart_layout.DAY_MS * max(0.9, (span[1] - span[0]).days / 60)
    series = (
        ("delivered", _("Delivered"), chart_layout.QUIET, 1.0),
        ("opened", _("Opened"), chart_layout.COLOURS["new"], 0.7),
        ("clicked", _("Clicked"), chart_layout.COLOURS["active"], 0.4),
    )
    data = [
        {
            "type": "bar",
            "name": name,
            "x": [day.isoformat() for day in days],
            "y": [getattr(row, figure) for row in engagement.days],
            "width": width * share,
            "marker": {"color": colour, "line": {"color": chart_layout.COLOURS["prospect"], "width": 1}},
            "hovertemplate": "%{y:,}",
        }
        for figure, name, colour, share in series
    ]
    return {"data": data, "layout": chart_layout.layout(locale, span, hovermode="x unified", barmode="overlay")}


def engaged(engagement: Engagement, locale: Locale) -> Figure:
    """The engagement of each stage, as shares."""
    stages = [stage for stage in chart_layout.COLOURS if stage in engagement.stages]
    sums = {stage: sum(engagement.stages[stage].values()) or 1 for stage in stages}
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": locale.text(name),
            "y": [locale.stage(stage) for stage in stages],
            "x": [engagement.stages[stage].get(kind, 0) / sums[stage] for stage in stages],
            "customdata": [locale.number(engagement.stages[stage].get(kind, 0)) for stage in stages],
            "marker": {"color": ENGAGEMENT_COLOURS[kind]},
            "hovertemplate": "%{customdata} (%{x:.0%})",
        }
        for kind, name in ENGAGEMENT.items()
    ]
    layout = chart_layout.layout(locale, None, barmode="stack", height=300)
    layout["xaxis"] = {"tickformat": ".0%", "range": [0, 1], "showgrid": False}
    layout["yaxis"] = {"automargin": True, "autorange": "reversed"}
    return {"data": data, "layout": layout}


def history(intervals: Sequence[tuple[str, date, date]], purchases: Sequence[date], locale: Locale) -> Figure:
    """A person's stages as a band, with a mark for each purchase day."""
    band = [
        {
            "type": "bar",
            "orientation": "h",
            "name": locale.stage(stage),
            "showlegend": stage not in {before for before, *_ in intervals[:index]},
            "legendgroup": stage,
            "base": [start.isoformat()],
            "x": [(end - start).days * chart_layout.DAY_MS],
            "y": [""],
            "marker": {"color": chart_layout.COLOURS[stage]},
            "hovertemplate": f"{locale.stage(stage)}: {locale.day(start)} {DASH} {locale.day(end)}<extra></extra>",
        }
        for index, (stage, start, end) in enumerate(intervals)
    ]
    marks = {
        "type": "scatter",
        "mode": "markers",
        "name": locale.text("Purchases"),
        "x": [day.isoformat() for day in purchases],
        "y": [""] * len(purchases),
        "marker": {"color": "#ffffff", "size": 9, "line": {"color": chart_layout.INK, "width": 2}},
        "text": [locale.day(day) for day in purchases],
        "hovertemplate": "%{text}<extra></extra>",
    }
    layout = chart_layout.layout(locale, (intervals[0][1], intervals[-1][2]), barmode="overlay", height=220)
    layout["yaxis"] = {"showticklabels": False, "showgrid": False}
    return {"data": [*band, marks], "layout": layout}


@dataclass(frozen=True, slots=True)
class Forest:
    """An effect and its intervals on a scale from 0 to 100; ``zero`` is no effect."""

    zero: float
    lift: float
    low: float
    high: float
    always_low: float
    always_high: float


def forest(effect: Effect, effects: Sequence[Effect]) -> Forest | None:
    """An effect on a scale that fits all effects of the same metric."""
    same_metric = [other for other in effects if other.metric == effect.metric]
    bounds = [bound for other in same_metric for bound in (other.always_low, other.always_high) if bound is not None]
    reach = max((abs(float(bound)) for bound in bounds), default=0)
    values = (effect.lift, effect.low, effect.high, effect.always_low, effect.always_high)
    if not reach or None in values:
        return None
    return Forest(50.0, *(round(50 + 48 * float(value) / reach, 2) for value in values if value is not None))
