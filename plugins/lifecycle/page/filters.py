"""The filters of a page: days, shop, ruleset, framework and language, validated before anything is read."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from lifecycle.page.labels import FRAMEWORKS
from lifecycle.page.locales import LANGUAGES, Locale, locale_of
from lifecycle.settings import ALL_SHOPS, Settings

DEFAULT_DAYS = 90
PRESETS = (30, DEFAULT_DAYS, 365)


class InvalidFilters(Exception):  # noqa: N818 - it reads as what it is where it is caught
    """Invalid query parameters; ``problems`` says in the reader's language what would be valid."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page shows; ``start`` and ``end`` are days, both included."""

    start: date
    end: date
    shop: str
    ruleset: str
    framework: str
    language: str

    @property
    def span(self) -> tuple[date, date]:
        """The first and the last day."""
        return self.start, self.end

    @property
    def months(self) -> tuple[date, date]:
        """The first and the last day of the calendar months that the range touches."""
        next_month = (self.end.replace(day=1) + timedelta(days=31)).replace(day=1)
        return self.start.replace(day=1), next_month - timedelta(days=1)

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.end - self.start).days + 1

    def query(self, **changes: object) -> str:
        """The query string of the same page with some filters changed."""
        values = {**asdict(self), **changes}
        renamed = {"from": values.pop("start"), "to": values.pop("end"), "lang": values.pop("language")}
        return urlencode(renamed | values)

    def last_days(self, days: int) -> str:
        """The query string for a number of days up to the same end."""
        return self.query(start=self.end - timedelta(days=days - 1))

    def covers_everybody(self, settings: Settings) -> bool:
        """Whether shop and ruleset are the default ones, which cover everybody."""
        return self.shop == ALL_SHOPS and self.ruleset == default_ruleset(settings)


def default_ruleset(settings: Settings) -> str:
    """The last one, which covers everybody."""
    return list(settings.stages.rulesets)[-1]


def default_filters(settings: Settings, last_night: date, language: str | None = None) -> Filters:
    """90 days up to the last night, all shops, all people."""
    start = last_night - timedelta(days=DEFAULT_DAYS - 1)
    return Filters(start, last_night, ALL_SHOPS, default_ruleset(settings), "stage", language or settings.language)


def requested_language(query: Mapping[str, str], settings: Settings) -> str:
    """The language to answer in, even if another parameter is invalid."""
    language = query.get("lang", "")
    return language if language in LANGUAGES else settings.language


def parse_filters(query: Mapping[str, str], settings: Settings, last_night: date) -> Filters:
    """The filters of a query string; raises ``InvalidFilters`` with every problem.

    Missing parameters take their defaults. A day after the last night is taken as the last night.
    """
    locale = locale_of(requested_language(query, settings))
    parser = _QueryParser({name: value.strip() for name, value in query.items() if value.strip()}, locale)
    end = min(parser.day("to", last_night), last_night)
    start = parser.day("from", end - timedelta(days=DEFAULT_DAYS - 1))
    if start > end and not parser.problems:
        problem = locale.text("from (%(start)s) is after to (%(end)s); the last day with data is %(last)s.")
        parser.problems.append(problem % {"start": start, "end": end, "last": last_night})
    filters = replace(
        default_filters(settings, last_night),
        start=start,
        end=end,
        shop=parser.one_of("shop", (ALL_SHOPS, *settings.shops), ALL_SHOPS),
        ruleset=parser.one_of("ruleset", settings.stages.rulesets, default_ruleset(settings)),
        framework=parser.one_of("framework", FRAMEWORKS, "stage"),
        language=parser.one_of("lang", LANGUAGES, settings.language),
    )
    if parser.problems:
        raise InvalidFilters(parser.problems)
    return filters


@dataclass(slots=True)
class _QueryParser:
    query: Mapping[str, str]
    locale: Locale
    problems: list[str]

    def __init__(self, query: Mapping[str, str], locale: Locale) -> None:
        self.query, self.locale, self.problems = query, locale, []

    def day(self, name: str, default: date) -> date:
        value = self.query.get(name)
        if value is None:
            return default
        try:
            return date.fromisoformat(value)
        except ValueError:
            problem = self.locale.text("%(name)s: “%(value)s” is not a valid date; use, for example, %(example)s.")
            self.problems.append(problem % {"name": name, "value": value[:40], "example": "2017-12-31"})
            return default

    def one_of(self, name: str, valid: Iterable[str], default: str) -> str:
        value = self.query.get(name, default)
        if value in valid:
            return value
        problem = self.locale.text("%(name)s: “%(value)s” is not valid; valid values: %(valid)s.")
        self.problems.append(problem % {"name": name, "value": value[:40], "valid": ", ".join(valid)})
        return default
