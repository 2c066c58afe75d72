"""What all charts share: colours, fonts, and a time axis in the reader's language."""

from datetime import date, timedelta
from typing import Any

from lifecycle.page.locales import Locale

Figure = dict[str, Any]
Span = tuple[date, date]

#: Contrast to white is at least 3:1 each; distinguishable with every kind of colour blindness.
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
MAX_TICKS = 5
ONE_DAY = timedelta(days=1)
DAY_MS = 86_400_000


def transparent(colour: str) -> str:
    """The same colour, partly transparent."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.35)"


def layout(locale: Locale, span: Span | None, **options: Any) -> Figure:
    """The layout of a chart; ``options`` override it."""
    figure: Figure = {
        "height": 360,
        "margin": {"l": 52, "r": 32, "t": 12, "b": 44},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "separators": locale.separators,
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
        **options,
    }
    if span:
        first, last = span
        ticks = sorted({first + (last - first) * step // (MAX_TICKS - 1) for step in range(MAX_TICKS)})
        figure["xaxis"] |= {
            "type": "date",
            "range": [f"{first - ONE_DAY}T12:00", f"{last}T12:00"],
            "ticklabeloverflow": "allow",
            "tickangle": 0,
            "tickvals": [tick.isoformat() for tick in ticks],
            "ticktext": [locale.short_day(tick) for tick in ticks],
            "hoverformat": "%d.%m.%Y" if locale.is_german else "%d %b %Y",
        }
    return figure
