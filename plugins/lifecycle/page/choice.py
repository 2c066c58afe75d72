"""What the reader asks for: days, shop, rule set, framework and language, checked before anything is read."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from lifecycle.page.tables import FRAMEWORKS
from lifecycle.page.words import LOCALES, Words, words
from lifecycle.settings import ALL_SHOPS, Settings

USUAL_DAYS = 90
PRESETS = (30, USUAL_DAYS, 365)


class ChoiceWrong(Exception):  # noqa: N818 - the answer to give, named as what it is
    """A parameter that nobody can work by; ``problems`` says in the reader's language what would be right."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Choice:
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
        """The first and the last day of the calendar months that are touched."""
        after = (self.end.replace(day=1) + timedelta(days=31)).replace(day=1)
        return self.start.replace(day=1), after - timedelta(days=1)

    @property
    def days(self) -> int:
        """How many days are shown."""
        return (self.end - self.start).days + 1

    def query(self, **changes: object) -> str:
        """The parameters of a link to the same choice, but for some changes."""
        stated = {**asdict(self), **changes}
        renamed = {"from": stated.pop("start"), "to": stated.pop("end"), "lang": stated.pop("language")}
        return urlencode(renamed | stated)

    def last_days(self, days: int) -> str:
        """The parameters for so many days up to the same end."""
        return self.query(start=self.end - timedelta(days=days - 1))

    def of_everybody(self, settings: Settings) -> bool:
        """Whether the rule set and the shop are those that a page begins with."""
        return self.shop == ALL_SHOPS and self.ruleset == usual_ruleset(settings)


def usual_ruleset(settings: Settings) -> str:
    """The last one, which is for everybody."""
    return list(settings.stages.rulesets)[-1]


def usual(settings: Settings, last: date, language: str | None = None) -> Choice:
    """What is shown to who asks for nothing: 90 days up to the last night."""
    start = last - timedelta(days=USUAL_DAYS - 1)
    return Choice(start, last, ALL_SHOPS, usual_ruleset(settings), "stage", language or settings.language)


def language_of(given: Mapping[str, str], settings: Settings) -> str:
    """The language to answer in, also where something else is wrong."""
    asked = given.get("lang", "")
    return asked if asked in LOCALES else settings.language


def checked(given: Mapping[str, str], settings: Settings, last: date) -> Choice:
    """The choice that a query states; raises ``ChoiceWrong`` with every problem.

    What is not stated is as usual. A day after the last night is taken as the last night.
    """
    say = words(language_of(given, settings))
    asked = _Asked({name: value.strip() for name, value in given.items() if value.strip()}, say)
    end = min(asked.day("to", last), last)
    start = asked.day("from", end - timedelta(days=USUAL_DAYS - 1))
    if start > end and not asked.problems:
        wrong = say.text("from (%(start)s) lies after to (%(end)s); the last night is that of %(last)s.")
        asked.problems.append(wrong % {"start": start, "end": end, "last": last})
    choice = replace(
        usual(settings, last),
        start=start,
        end=end,
        shop=asked.one_of("shop", (ALL_SHOPS, *settings.shops), ALL_SHOPS),
        ruleset=asked.one_of("ruleset", settings.stages.rulesets, usual_ruleset(settings)),
        framework=asked.one_of("framework", FRAMEWORKS, "stage"),
        language=asked.one_of("lang", LOCALES, settings.language),
    )
    if asked.problems:
        raise ChoiceWrong(asked.problems)
    return choice


@dataclass(slots=True)
class _Asked:
    given: Mapping[str, str]
    say: Words
    problems: list[str]

    def __init__(self, given: Mapping[str, str], say: Words) -> None:
        self.given, self.say, self.problems = given, say, []

    def day(self, name: str, usual: date) -> date:
        stated = self.given.get(name)
        if stated is None:
            return usual
        try:
            return date.fromisoformat(stated)
        except ValueError:
            wrong = self.say.text("%(name)s: “%(value)s” is no day; give one such as %(example)s.")
            self.problems.append(wrong % {"name": name, "value": stated[:40], "example": "2017-12-31"})
            return usual

    def one_of(self, name: str, valid: Iterable[str], usual: str) -> str:
        stated = self.given.get(name, usual)
        if stated in valid:
            return stated
        wrong = self.say.text("%(name)s: there is no “%(value)s”; valid values: %(valid)s.")
        self.problems.append(wrong % {"name": name, "value": stated[:40], "valid": ", ".join(valid)})
        return usual
