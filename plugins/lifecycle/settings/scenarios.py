"""The catalogue of contact scenarios, checked line by line against the marketer's file before dbt reads it.

What only the provider knows, such as the name of a campaign, is checked by a test of dbt's.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lifecycle.errors import SettingsInvalid
from lifecycle.settings import DBT_PROJECT, Settings
from lifecycle.settings.section import Name, Stage

SEEDS = DBT_PROJECT / "seeds"
#: Of these every fact lands in the warehouse, so that who is due can be counted.
MeasuredTrigger = Literal["enters_stage", "in_stage", "purchases", "is_won_back"]
OtherTrigger = Literal[
    "subscribes", "browses", "fills_basket", "has_birthday", "becomes_vip", "recommends", "sees_ad"
]  # fmt: skip
Phase = Literal["Reach", "Act", "Convert", "Engage"]
RACE = get_args(Phase)
Text = Annotated[str, Field(min_length=1)]
#: The last day that every month has, counted from its first.
LAST_OF_EVERY_MONTH = 27
#: What only events tell of a message.
OF_EVENTS = frozenset({"category", "campaign", "automation"})


class Scenario(BaseModel):
    """One line of the catalogue: who is due when, by which channel, and what the contact is recognised by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: Name
    stage: Stage
    name: Text
    german_name: Text
    market: Literal["b2c", "b2b", "both"]
    trigger: Literal[MeasuredTrigger, OtherTrigger]
    after_days: Annotated[int, Field(ge=0, le=3650)]
    due_within_days: Annotated[int, Field(ge=0, le=365)]
    channel: Literal["email", "paid", "social"]
    race: Phase
    is_always_on: Literal["true", "false"]
    audience: str | None
    recognised_by: Literal["list", "category", "campaign", "automation", "subject"] | None
    recognised_as: str | None
    description: Text
    german_description: Text

    @field_validator("audience", "recognised_by", "recognised_as", mode="before")
    @classmethod
    def _nothing_is_none(cls, text: str) -> str | None:
        return text or None

    @field_validator("after_days", "due_within_days", mode="before")
    @classmethod
    def _digits_only(cls, text: str) -> str:
        if not re.fullmatch("[0-9]{1,9}", text):
            message = f"give a whole number of days, such as 14, not {text!r}"
            raise ValueError(message)
        return text

    @property
    def is_measured(self) -> bool:
        """Whether it can be counted who is due."""
        return self.trigger in get_args(MeasuredTrigger)


def check(settings: Settings, path: Path | None = None) -> list[Scenario]:
    """Read the catalogue; raise ``SettingsInvalid`` with every problem, each with the line and what would be right."""
    path = path or SEEDS / "scenario_catalogue.csv"
    scenarios: list[Scenario] = []
    problems: list[str] = []
    phases = _phases()
    seen: dict[str, int] = {}
    for line, row in _rows(path):
        row_problems = [row] if isinstance(row, str) else _problems(row, line, settings, phases, seen)
        problems += [f"{path.name} line {line}: {problem}" for problem in row_problems]
        if not row_problems:
            scenarios.append(Scenario.model_validate(row))
    if problems:
        raise SettingsInvalid("\n".join([f"{path}: {len(problems)} problem(s)", *problems]))
    return scenarios


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Each row with the line that it begins on; or, in its place, what is wrong with its shape."""
    header, *rows = [*_lines(path)] or [(1, [])]
    columns, expected = header[1], [*Scenario.model_fields]
    if sorted(columns) != sorted(expected):
        wrong = [f"unknown column {name!r}" for name in columns if name not in expected]
        wrong += [f"missing column {name!r}" for name in expected if name not in columns]
        wrong += [f"column {name!r} repeated" for name in sorted({*columns}) if columns.count(name) > 1]
        yield header[0], f"{', '.join(wrong)}; valid columns: {', '.join(expected)}"
        return
    for line, row in rows:
        if len(row) == len(columns):
            yield line, dict(zip(columns, row, strict=True))
        else:
            yield line, f"{len(row)} columns instead of {len(columns)}; put texts with a comma in double quotes"


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with its first line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader, line = csv.reader(file, strict=True), 1
            for row in reader:
                if row:
                    yield line, row
                line = reader.line_num + 1
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
        raise SettingsInvalid(message) from None
    except UnicodeDecodeError:
        message = f"{path}: is not encoded as UTF-8; save it so"
        raise SettingsInvalid(message) from None
    except csv.Error as error:
        message = f"{path.name} line {reader.line_num}: no valid CSV: {error}"
        raise SettingsInvalid(message) from None


def _problems(
    row: dict[str, str], line: int, settings: Settings, phases: dict[str, list[str]], seen: dict[str, int]
) -> list[str]:
    first = seen.setdefault(row["scenario"], line)
    twice = [f"scenario: {row['scenario']!r} stands in line {first}, too; each needs a name of its own"]
    return [
        *_wrong_values(row),
        *(twice if first != line else []),
        *_contradictions(row),
        *_misfits(row, settings, phases),
    ]


def _wrong_values(row: dict[str, str]) -> Iterator[str]:
    try:
        Scenario.model_validate(row)
    except ValidationError as error:
        for problem in error.errors():
            words, column = problem["msg"].removeprefix("Value error, "), str(problem["loc"][0])
            yield f"{column}: {words}" + ("" if problem["type"] == "value_error" else f", not {row[column]!r}")


def _contradictions(row: dict[str, str]) -> Iterator[str]:
    """What can't be together in one row."""
    channel, carrier = row["channel"], row["recognised_by"]
    if bool(carrier) != bool(row["recognised_as"]):
        yield "recognised_by, recognised_as: give both, or neither if nothing at the provider does this"
    if channel in {"paid", "social"} and carrier not in {"", "list"}:
        yield f"recognised_by: {channel} has no messages; valid values: list, or nothing"
    after_days = row["after_days"]
    if row["trigger"] == "in_stage" and after_days.isdecimal() and int(after_days) > LAST_OF_EVERY_MONTH:
        yield f"after_days: counted from the first of each month, so at most {LAST_OF_EVERY_MONTH}, not {after_days}"
    if row["trigger"] == "is_won_back" and row["stage"] != "active":
        yield f"stage: who is won back is active, not {row['stage']!r}"


def _misfits(row: dict[str, str], settings: Settings, phases: dict[str, list[str]]) -> Iterator[str]:
    """What the row refers to, and is not there."""
    audience, stage, race, carrier = (row[name] for name in ("audience", "stage", "race", "recognised_by"))
    if audience and audience not in settings.audiences:
        yield f"audience: no audience {audience!r}; valid values: {', '.join(settings.audiences)}"
    if stage in phases and race in RACE and race not in phases[stage]:
        yield f"race: {stage} is not a part of {race}; valid values: {', '.join(phases[stage])}"
    lists = [*(each.list for each in settings.audiences.values()), *settings.esp.opt_in_lists]
    if carrier == "list" and row["recognised_as"] not in ["", *lists]:
        yield f"recognised_as: no list {row['recognised_as']!r}; valid values: {', '.join(lists)}"
    if carrier in OF_EVENTS and not settings.esp.tells_events():
        yield f"recognised_by: only events tell a message's {carrier}; set esp.event_files, or use subject"


def _phases() -> dict[str, list[str]]:
    """Stage → its phases in RACE: ``Reach / Act`` is either of them, and what stands in brackets is dropped."""
    (_, columns), *rows = _lines(SEEDS / "lifecycle_frameworks.csv")
    stages = [dict(zip(columns, row, strict=False)) for _, row in rows]
    return {row["stage"]: [phase.strip() for phase in re.sub(r"\(.*?\)", "", row["race"]).split("/")] for row in stages}
