"""The only reader of the marketer's file, of connections and of the environment: one frozen ``Settings``.

The file is ``dbt_project/vars.yml``, or the one that ``LIFECYCLE_CONFIG`` names. It is checked as a whole:
an unknown key, a wrong type or a value out of range is an error, and the message lists every problem with
what would be right.
"""

import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, Self, get_args, get_origin

import yaml
from pydantic import Field, ValidationError, model_validator

from lifecycle import connectors
from lifecycle.errors import SettingsInvalid
from lifecycle.settings.audiences import (
    CONTACTABLE_FIELD,
    CUSTOMER_COLUMNS,
    FIELD_PREFIX,
    GREETING_COLUMNS,
    NOT_CONTACTABLE,
    PUSHABLE_COLUMNS,
    STANDARD_COLUMNS,
    Audience,
    AudienceLimits,
    Contactable,
    ContactCap,
    Destination,
    DriftLimits,
    FieldType,
    Guards,
    Limits,
    OverallLimits,
    Requests,
    field_name,
)
from lifecycle.settings.connection import Connection
from lifecycle.settings.files import DBT_PROJECT, EXPECTATIONS, quiet_environment, work_folder
from lifecycle.settings.kinds import GROUPS, AnyDestination, AnyEsp, AnyShop, section_class
from lifecycle.settings.measuring import Measuring
from lifecycle.settings.section import STAGES, Cron, Currency, Days, Name, Section, TimeZone
from lifecycle.settings.sources import Deletions, Esp, Shop, Statuses
from lifecycle.settings.stages import Consent, Engagement, RuleSet, Stages, Vip

__all__ = [
    "ALL_SHOPS",
    "CONTACTABLE_FIELD",
    "CUSTOMER_COLUMNS",
    "DBT_PROJECT",
    "ESP",
    "EXPECTATIONS",
    "FIELD_PREFIX",
    "GREETING_COLUMNS",
    "NOT_CONTACTABLE",
    "PUSHABLE_COLUMNS",
    "STAGES",
    "STANDARD_COLUMNS",
    "Audience",
    "AudienceLimits",
    "Connection",
    "Contactable",
    "Days",
    "Deletions",
    "Destination",
    "DriftLimits",
    "Esp",
    "FieldType",
    "Guards",
    "Limits",
    "Measuring",
    "OverallLimits",
    "Requests",
    "RuleSet",
    "Section",
    "Settings",
    "Shop",
    "Statuses",
    "config_path",
    "load",
    "parse",
    "quiet_environment",
    "work_folder",
]

#: The provider's source in ``raw``, beside the shops' names.
ESP = "esp"
#: All shops together, where figures are by shop.
ALL_SHOPS = "all"


class Settings(Section):
    """Everything that a marketer decides, checked."""

    timezone: TimeZone
    schedule: Cron = "30 3 * * *"
    currency: Currency
    shops: dict[Name, AnyShop] = Field(min_length=1)
    esp: AnyEsp
    additional_esps: dict[Name, AnyEsp] = Field(default={})
    stages: Stages
    vip: Vip = Vip()
    engagement: Engagement = Engagement()
    consent: Consent = Consent()
    audiences: dict[Name, Audience] = Field(min_length=1)
    greeting: bool = True
    contact_cap: ContactCap | None = None
    guards: Guards = Guards()
    destination: AnyDestination | None = None
    requests: Requests = Requests()
    drift: DriftLimits = DriftLimits()
    deletions: Deletions = Deletions()
    measuring: Measuring = Measuring()
    keep_deliveries_days: Annotated[int, Field(ge=30, le=36500)] = 730
    language: Literal["en", "de", "de_CH"] = "en"
    reports: Annotated[str, Field(min_length=1)] = "reports"

    @model_validator(mode="after")
    def _each_list_once(self) -> Self:
        lists = [audience.list for audience in self.audiences.values()]
        written = self.push_to()
        opt_in = {
            name
            for esp in self.providers().values()
            if (esp.kind, esp.connection) == (written.kind, written.connection)
            for name in esp.opt_in_lists
        }
        taken = sorted({name for name in lists if lists.count(name) > 1} | {*lists} & opt_in)
        if taken:
            message = f"each audience needs a list of its own, no opt-in list; used more than once: {taken}"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _each_source_once(self) -> Self:
        taken = {ESP: "the e-mail service provider", ALL_SHOPS: "all shops together"}
        for thing, names in (("a shop", self.shops), ("a provider", self.additional_esps)):
            for name in names:
                if name in taken:
                    message = f"{thing} can't be named {name!r}, which is {taken[name]}; give it another name"
                    raise ValueError(message)
                taken[name] = "a shop"
        return self

    @model_validator(mode="after")
    def _somewhere_to_push(self) -> Self:
        kind = self.push_to().kind
        if not connectors.is_known("destinations", kind):
            valid = ", ".join(connectors.kinds("destinations"))
            message = f"lists can't be sent to a provider of the kind {kind!r}; name a destination of one of: {valid}"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _each_shop_known(self) -> Self:
        for name, ruleset in self.stages.rulesets.items():
            unknown = [shop for shop in ruleset.shops or () if shop not in self.shops]
            if unknown:
                message = f"stages.rulesets.{name}.shops: no shops: {unknown}; valid values: {', '.join(self.shops)}"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _each_field_once(self) -> Self:
        columns: dict[str, str] = {}
        for name, audience in self.audiences.items():
            for column, field in audience.fields.items():
                if columns.setdefault(field.lower(), column) != column:
                    message = (
                        f"audiences.{name}.fields: {field} is the name of two columns, {columns[field.lower()]} and"
                    )
                    message += f" {column}; give each a name of its own"
                    raise ValueError(message)
        return self

    def custom_fields(self) -> dict[str, FieldType]:
        """Name → type of every field of a contact that the provider has to know, what greets included."""
        standard = (*STANDARD_COLUMNS, *(GREETING_COLUMNS if self.greeting else ()))
        names = [(field_name(column), column) for column in standard]
        names += [(name, column) for audience in self.audiences.values() for column, name in audience.fields.items()]
        return {CONTACTABLE_FIELD: "Text", **{name: PUSHABLE_COLUMNS[column] for name, column in names}}

    def push_to(self) -> Esp | Destination:
        """Where the lists go: ``kind`` names the destination, ``connection`` how to reach it."""
        return self.destination or self.esp

    def kinds(self) -> set[str]:
        """The kinds of source that are connected."""
        return {source.kind for source in self.sources().values()}

    def providers(self) -> dict[str, Esp]:
        """Name → e-mail provider that is read, in ``raw``'s own names."""
        return {ESP: self.esp, **self.additional_esps}

    def sources(self) -> dict[str, Shop | Esp]:
        """Name → what to read, in ``raw``'s own names: the shops', and the providers'."""
        return {**self.shops, **self.providers()}


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a repeated key is an error; the plain loader would drop the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            message = f"line {node.start_mark.line + 1}: repeated: {', '.join(twice)}"
            raise SettingsInvalid(message)
        return super().construct_mapping(node, deep=deep)


def config_path() -> Path:
    """The marketer's file: the one that ``LIFECYCLE_CONFIG`` names, or the project's own."""
    return Path(os.environ.get("LIFECYCLE_CONFIG") or DBT_PROJECT / "vars.yml")


def load(path: Path | None = None) -> Settings:
    """Read and check the marketer's file.

    Raises ``SettingsInvalid`` with every problem of the file, one a line.
    """
    path = path or config_path()
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506 - a SafeLoader
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror}); LIFECYCLE_CONFIG must name a file"
        raise SettingsInvalid(message) from None
    except yaml.YAMLError as error:
        message = f"{path}: no valid YAML: {error}"
        raise SettingsInvalid(message) from None
    except UnicodeDecodeError:
        message = f"{path}: is not encoded as UTF-8; save it so"
        raise SettingsInvalid(message) from None
    except ValueError as error:  # a date such as 2017-13-45
        message = f"{path}: no valid YAML: {error}"
        raise SettingsInvalid(message) from None
    except SettingsInvalid as error:
        message = f"{path}: {error}"
        raise SettingsInvalid(message) from None
    try:
        settings = document["vars"]["lifecycle"]
    except (KeyError, TypeError):
        message = f"{path}: must hold 'vars:' with 'lifecycle:' inside"
        raise SettingsInvalid(message) from None
    return parse(settings, str(path))


def parse(settings: object, origin: str = "settings") -> Settings:
    """Check a document that was read already; ``origin`` names it in the message."""
    try:
        return Settings.model_validate(settings)
    except ValidationError as error:
        problems = [f"  {_place(problem['loc'])}{_explain(problem, settings)}" for problem in error.errors()]
        message = "\n".join([f"{origin}: {len(problems)} problem(s)", *problems])
        raise SettingsInvalid(message) from None


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part != "[key]") or "lifecycle"


def _explain(problem: Mapping[str, Any], document: object) -> str:
    """One problem in words, with what would be valid."""
    if problem["type"] == "extra_forbidden":
        return f": unknown key; valid keys: {', '.join(_section(problem['loc'][:-1], document).model_fields)}"
    if problem["type"] == "union_tag_invalid":
        return f".kind: Input should be {problem['ctx']['expected_tags']}, not {problem['ctx']['tag']!r}"
    if problem["type"] == "union_tag_not_found":
        return ".kind: Field required"
    message: str = problem["msg"].removeprefix("Value error, ")
    value = problem["input"]
    explains = isinstance(value, dict | list) or problem["type"] == "value_error"
    return f": {message}" if explains else f": {message}, not {value!r}"


def _section(location: tuple[int | str, ...], document: Any) -> type[Section]:
    """The section of the file that a location lies in: what each part may hold, and what the document has there."""
    here: Any = Settings
    for part in location:
        document = document[part]
        if isinstance(here, type) and issubclass(here, Section):
            here = here.model_fields[str(part)].annotation
            here = next((each for each in get_args(here) if get_args(here)[1:] == (NoneType,)), here)
        else:
            here = get_args(here)[-1]
        here = get_args(here)[0] if get_origin(here) is Annotated else here
        here = section_class(here, document["kind"]) if here in GROUPS else here
    return here  # type: ignore[no-any-return]
