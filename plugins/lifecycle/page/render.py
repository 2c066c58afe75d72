"""Renders the templates: the only module that makes HTML."""

import functools
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lifecycle.page import charts, labels, sentences
from lifecycle.page.chart_layout import Figure
from lifecycle.page.locales import DASH, Locale, locale_of

HERE = Path(__file__).parent
#: Characters that could end a script element or begin a comment in it.
UNSAFE = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


@functools.cache
def environment(language: str) -> Environment:
    """The templates in one language; every value is escaped."""
    locale = locale_of(language)
    jinja = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    jinja.install_gettext_translations(locale.translations, newstyle=False)  # type: ignore[attr-defined]
    jinja.policies["ext.i18n.trimmed"] = True
    jinja.filters |= {
        "number": locale.number,
        "counted": lambda count: DASH if count is None else locale.number(count),
        "signed": locale.signed,
        "share": locale.share,
        "day": locale.day,
        "month": locale.month,
        "stage": locale.stage,
        "data": data,
        "scenario_name": lambda scenario: _scenario_text(locale, scenario.name, scenario.german_name),
        "scenario_description": lambda scenario: _scenario_text(
            locale, scenario.description, scenario.german_description
        ),
        "label": lambda key, table: locale.label(table, key),
    }
    jinja.globals |= {
        "locale": locale,
        "language": language,
        "charts": charts,
        "sentences": sentences,
        "labels": labels,
    }
    return jinja


def _scenario_text(locale: Locale, english: str | None, german: str | None) -> str:
    """A text of the catalogue in the reader's language."""
    return (locale.spelled(german or "") if locale.is_german else english) or ""


def data(figure: Figure) -> str:
    """A chart as JSON that may stand in a script element."""
    return json.dumps(figure, ensure_ascii=False, separators=(",", ":")).translate(UNSAFE)


def html(template: str, language: str, **values: Any) -> str:
    """A page."""
    return environment(language).get_template(f"{template}.html.jinja").render(**values)
