"""What all charts share: colours, fonts, and an axis of days in the reader's language."""

from datetime import date, timedelta
from typing import Any

from lifecycle.page.words import Words

Figure = dict[str, Any]
Span = tuple[date, date]

#: Each at least 3:1 against white, and told apart under each kind of colour blindness.
COLOURS = {
    "prospect": "#8a8f98",
    "new": "#4a90d9",
    "active": "#0b5f4f",
    "at_risk": "#c08a00",
    "lapsed": "#a63a1c",
    "lost": "#4b2460",
    "none": "#6b7280",
}
INK = "#1f2933"
QUIET = "#d9dde2"
MOST_TICKS = 5
ONE_DAY = timedelta(days=1)
DAY_MS = 86_400_000


def pale(colour: str) -> str:
    """The same colour, to be seen through."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.35)"


def layout(say: Words, span: Span | None, **more: Any) -> Figure:
    """What all charts share; ticks of days are written in the reader's language."""
    made: Figure = {
        "height": 360,
        "margin": {"l": 52, "r": 32, "t": 12, "b": 44},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "separators": ",." if say.language == "de" else ".,",
        "legend": {"orientation": "h", "y": -0.16, "x": 0, "traceorder": "normal"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "dragmode": False,
        "xaxis": {"showgrid": False, "fixedrange": True},
        "yaxis": {
            "gridcolor": QUIET,
            "zerolinecolor": INK,
            "fixedrange": True,
            "tickformat": ",",
            "rangemode": "tozero",
        },
        **more,
    }
    if span:
        first, last = span
        ticks = sorted({first + (last - first) * step // (MOST_TICKS - 1) for step in range(MOST_TICKS)})
        made["xaxis"] |= {
            "type": "date",
            "range": [f"{first - ONE_DAY}T12:00", f"{last}T12:00"],
            "ticklabeloverflow": "allow",
            "tickangle": 0,
            "tickvals": [tick.isoformat() for tick in ticks],
            "ticktext": [say.short_day(tick) for tick in ticks],
            "hoverformat": "%d.%m.%Y" if say.language == "de" else "%d %b %Y",
        }
    return made
