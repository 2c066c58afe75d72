"""Figures as Plotly draws them: plain dicts of ``data`` and ``layout``, made without Plotly."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lifecycle.page import drawing
from lifecycle.page.drawing import Figure, Span
from lifecycle.page.figures.effects import Effect
from lifecycle.page.figures.engagement import Engagement
from lifecycle.page.figures.gap import Line
from lifecycle.page.figures.stages import NEW_CONTACTS, STAGE_ORDER, Move, Phase, Stages
from lifecycle.page.tables import ENGAGEMENT
from lifecycle.page.words import NOTHING, Words

ENGAGEMENT_COLOURS = {"engaged": "#0b5f4f", "dormant": "#c08a00", "unreachable": "#a63a1c", "none": "#8a8f98"}
GAP_COLOURS = {
    "contacted_in_time": "#0b5f4f",
    "contacted_late": "#c08a00",
    "pending": "#8a8f98",
    "not_contacted": "#a63a1c",
}
PAD = 18
SANKEY_HEIGHT = 420


def over_time(stages: Stages, span: Span, say: Words) -> Figure:
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
            "line": {"width": 0.5, "color": drawing.COLOURS[phase.key]},
            "fillcolor": drawing.COLOURS[phase.key],
            "hovertemplate": "%{y:,}",
        }
        for index, phase in enumerate(stages.phases)
    ]
    return {"data": data, "layout": drawing.layout(say, span, hovermode="x unified")}


def moves(found: Sequence[Move], say: Words) -> Figure:
    """A Sankey diagram from where on the left to where on the right, both in the order of the stages."""
    left = _side(found, "start")
    right = _side(found, "end")
    nodes = [*left, *right]
    most = max(len(left), len(right))
    data = {
        "type": "sankey",
        "arrangement": "fixed",
        "node": {
            "label": [
                f"{phase.label} ({say.number(count)})" for side in (left, right) for phase, count in side.items()
            ],
            "color": [drawing.COLOURS[phase.key] for phase in nodes],
            "x": [0.001] * len(left) + [0.999] * len(right),
            "y": [*_heights(left, most), *_heights(right, most)],
            "pad": PAD,
            "thickness": 14,
            "line": {"width": 0},
            "hovertemplate": "%{label}<extra></extra>",
        },
        "link": {
            "source": [list(left).index(move.start) for move in found],
            "target": [len(left) + list(right).index(move.end) for move in found],
            "value": [move.persons for move in found],
            "color": [drawing.pale(drawing.COLOURS[move.start.key]) for move in found],
            "customdata": [f"{move.start.label} → {move.end.label}: {say.number(move.persons)}" for move in found],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
    }
    layout = drawing.layout(say, None, height=SANKEY_HEIGHT)
    layout["margin"] = {"l": 8, "r": 8, "t": 12, "b": 12}
    return {"data": [data], "layout": layout}


def _side(found: Sequence[Move], side: str) -> dict[Phase, int]:
    """The phases of one side with how many leave or reach them."""
    counts: dict[Phase, int] = {}
    for move in sorted(found, key=lambda move: [NEW_CONTACTS, *STAGE_ORDER].index(getattr(move, side).key)):
        counts[getattr(move, side)] = counts.get(getattr(move, side), 0) + move.persons
    return counts


def _heights(side: dict[Phase, int], most: int) -> list[float]:
    """Where the middle of each node lies, so that no two touch: Plotly would order them by itself."""
    gap = PAD / SANKEY_HEIGHT
    scale = (1 - gap * (most - 1)) / sum(side.values())
    top, middles = 0.0, []
    for count in side.values():
        middles.append(min(max(top + count * scale / 2, 0.001), 0.999))
        top += count * scale + gap
    return middles


def turns(stages: Stages, span: Span, say: Words) -> Figure:
    """Gains above and losses below the line."""
    _ = say.text
    days = [turn.day for turn in stages.turns]
    series = (
        ("entries", _("New contacts"), drawing.COLOURS["none"], 1),
        ("first_purchases", _("First purchases"), drawing.COLOURS["new"], 1),
        ("win_backs", _("Win-backs"), drawing.COLOURS["active"], 1),
        ("lapsed", _("Lapsed"), drawing.COLOURS["lapsed"], -1),
        ("lost", _("Lost"), drawing.COLOURS["lost"], -1),
    )
    data = [
        {
            "type": "bar",
            "name": name,
            "x": [day.isoformat() for day in days],
            "y": [sign * getattr(turn, figure) for turn in stages.turns],
            "customdata": [say.number(getattr(turn, figure)) for turn in stages.turns],
            "hovertemplate": "%{customdata}",
            "marker": {"color": colour},
        }
        for figure, name, colour, sign in series
    ]
    layout = drawing.layout(say, span, hovermode="x unified", barmode="relative")
    return {"data": data, "layout": layout}


def cohorts(stages: Stages, say: Words) -> Figure:
    """A row for each month of first purchases, a column for each month since; the first is everybody and left out."""
    later = [row for row in stages.cohorts if row.months_since > 0]
    shares = {(row.cohort_month, row.months_since): float(row.retention) for row in later}
    starts = sorted({row.cohort_month for row in later}, reverse=True)
    since = sorted({row.months_since for row in later})
    cells = [[shares.get((start, months)) for months in since] for start in starts]
    data = {
        "type": "heatmap",
        "x": since,
        "y": [say.month(start) for start in starts],
        "z": cells,
        "text": [["" if share is None else say.share(share, 0) for share in row] for row in cells],
        "texttemplate": "%{text}",
        "hovertemplate": "%{y}, +%{x}: %{text}<extra></extra>",
        "textfont": {"color": drawing.INK},
        "colorscale": [[0, "#ffffff"], [1, "#7fa8cc"]],
        "zmin": 0,
        "zmax": 1,
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
    }
    layout = drawing.layout(say, None, height=120 + 26 * len(starts))
    layout["xaxis"] = {"title": {"text": say.text("Months since the first purchase")}, "dtick": 1, "showgrid": False}
    layout["yaxis"] = {"automargin": True, "autorange": "reversed", "type": "category", "showgrid": False}
    return {"data": [data], "layout": layout}


def gap_days(line: Line, span: Span, say: Words) -> Figure:
    """How the dues of each day ended."""
    _ = say.text
    names = {
        "contacted_in_time": _("Contacted in time"),
        "contacted_late": _("Contacted late"),
        "pending": _("Pending"),
        "not_contacted": _("Not contacted"),
    }
    days = [row.day for row in line.days]
    data = [
        {
            "type": "bar",
            "name": name,
            "x": [day.isoformat() for day in days],
            "y": [getattr(row, figure) for row in line.days],
            "marker": {"color": GAP_COLOURS[figure]},
            "hovertemplate": "%{y:,}",
        }
        for figure, name in names.items()
    ]
    return {"data": data, "layout": drawing.layout(say, span, hovermode="x unified", barmode="stack", height=260)}


def messages(engagement: Engagement, span: Span, say: Words) -> Figure:
    """Messages delivered, and of them opened and clicked."""
    _ = say.text
    days = [row.day for row in engagement.days]
    # the opened stand in front of the delivered, the clicked in front of both
    width = drawing.DAY_MS * max(0.9, (span[1] - span[0]).days / 60)
    series = (
        ("delivered", _("Delivered"), drawing.QUIET, 1.0),
        ("opened", _("Opened"), drawing.COLOURS["new"], 0.7),
        ("clicked", _("Clicked"), drawing.COLOURS["active"], 0.4),
    )
    data = [
        {
            "type": "bar",
            "name": name,
            "x": [day.isoformat() for day in days],
            "y": [getattr(row, figure) for row in engagement.days],
            "width": width * share,
            "marker": {"color": colour, "line": {"color": drawing.COLOURS["prospect"], "width": 1}},
            "hovertemplate": "%{y:,}",
        }
        for figure, name, colour, share in series
    ]
    return {"data": data, "layout": drawing.layout(say, span, hovermode="x unified", barmode="overlay")}


def engaged(engagement: Engagement, say: Words) -> Figure:
    """How engaged each stage is, as shares."""
    stages = [stage for stage in drawing.COLOURS if stage in engagement.stages]
    sums = {stage: sum(engagement.stages[stage].values()) or 1 for stage in stages}
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": say.text(name),
            "y": [say.stage(stage) for stage in stages],
            "x": [engagement.stages[stage].get(kind, 0) / sums[stage] for stage in stages],
            "customdata": [say.number(engagement.stages[stage].get(kind, 0)) for stage in stages],
            "marker": {"color": ENGAGEMENT_COLOURS[kind]},
            "hovertemplate": "%{customdata} (%{x:.0%})",
        }
        for kind, name in ENGAGEMENT.items()
    ]
    layout = drawing.layout(say, None, barmode="stack", height=300)
    layout["xaxis"] = {"tickformat": ".0%", "range": [0, 1], "showgrid": False}
    layout["yaxis"] = {"automargin": True, "autorange": "reversed"}
    return {"data": data, "layout": layout}


def history(stays: Sequence[tuple[str, date, date]], purchases: Sequence[date], say: Words) -> Figure:
    """A person's stages as a band, with a mark for each purchase day."""
    band = [
        {
            "type": "bar",
            "orientation": "h",
            "name": say.stage(stage),
            "showlegend": stage not in {before for before, *_ in stays[:index]},
            "legendgroup": stage,
            "base": [start.isoformat()],
            "x": [(end - start).days * drawing.DAY_MS],
            "y": [""],
            "marker": {"color": drawing.COLOURS[stage]},
            "hovertemplate": f"{say.stage(stage)}: {say.day(start)} {NOTHING} {say.day(end)}<extra></extra>",
        }
        for index, (stage, start, end) in enumerate(stays)
    ]
    marks = {
        "type": "scatter",
        "mode": "markers",
        "name": say.text("Purchases"),
        "x": [day.isoformat() for day in purchases],
        "y": [""] * len(purchases),
        "marker": {"color": "#ffffff", "size": 9, "line": {"color": drawing.INK, "width": 2}},
        "text": [say.day(day) for day in purchases],
        "hovertemplate": "%{text}<extra></extra>",
    }
    layout = drawing.layout(say, (stays[0][1], stays[-1][2]), barmode="overlay", height=220)
    layout["yaxis"] = {"showticklabels": False, "showgrid": False}
    return {"data": [*band, marks], "layout": layout}


@dataclass(frozen=True, slots=True)
class Forest:
    """Where an effect and its intervals lie on a scale from 0 to 100; ``zero`` is no effect."""

    zero: float
    lift: float
    low: float
    high: float
    always_low: float
    always_high: float


def forest(effect: Effect, among: Sequence[Effect]) -> Forest | None:
    """An effect's place on a scale that holds all effects of the same metric."""
    stated = [each for each in among if each.metric == effect.metric]
    bounds = [bound for each in stated for bound in (each.always_low, each.always_high) if bound is not None]
    reach = max((abs(float(bound)) for bound in bounds), default=0)
    values = (effect.lift, effect.low, effect.high, effect.always_low, effect.always_high)
    if not reach or None in values:
        return None
    return Forest(50.0, *(round(50 + 48 * float(value) / reach, 2) for value in values if value is not None))
