"""Templates and what they may say: the only place that makes HTML."""

import functools
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lifecycle.page import charts, sentences, tables
from lifecycle.page.drawing import Figure
from lifecycle.page.words import NOTHING, words

HERE = Path(__file__).parent
#: Signs that could end a script element or begin a comment in it.
UNSAFE = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


@functools.cache
def environment(language: str) -> Environment:
    """The templates in one language; all that they are given is escaped."""
    say = words(language)
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(say.translations, newstyle=False)  # type: ignore[attr-defined]
    made.policies["ext.i18n.trimmed"] = True
    made.filters |= {
        "number": say.number,
        "counted": lambda count: NOTHING if count is None else say.number(count),
        "signed": say.signed,
        "share": say.share,
        "day": say.day,
        "month": say.month,
        "stage": say.stage,
        "data": data,
        "word": lambda key, table: sentences.word(table, key, say),
    }
    made.globals |= {
        "say": say,
        "language": language,
        "charts": charts,
        "sentences": sentences,
        "tables": tables,
    }
    return made


def data(figure: Figure) -> str:
    """A chart as JSON that may stand in a script element."""
    return json.dumps(figure, ensure_ascii=False, separators=(",", ":")).translate(UNSAFE)


def html(template: str, language: str, **given: Any) -> str:
    """A page."""
    return environment(language).get_template(f"{template}.html.jinja").render(**given)
