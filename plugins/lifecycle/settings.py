"""The only reader of the marketer's file, of connections and of the environment: one frozen ``Settings``.

The file is ``dbt_project/vars.yml``, or the one that ``LIFECYCLE_CONFIG`` names. It is checked as a whole:
an unknown key, a wrong type or a value out of range is an error, and the message lists every problem with
what would be right.
"""

import os
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from lifecycle.errors import SettingsInvalid

PROJECT = Path(__file__).resolve().parents[2]
DBT_PROJECT = PROJECT / "dbt_project"
EXPECTATIONS = PROJECT / "expectations"

#: The provider's source in ``raw``, beside the shops' names.
ESP = "esp"

Stage = Literal["prospect", "new", "active", "at_risk", "lapsed", "lost"]
FieldType = Literal["Text", "Number", "Date"]

#: The columns of ``marts.customers`` that an audience may push as a custom field, with their type there.
CUSTOMER_COLUMNS: dict[str, FieldType] = {
    "stage": "Text",
    "stage_since": "Date",
    "previous_stage": "Text",
    "next_stage": "Text",
    "next_transition_on": "Date",
    "first_seen_on": "Date",
    "first_order_on": "Date",
    "last_order_on": "Date",
    "orders": "Number",
    "purchase_days": "Number",
    "revenue": "Number",
    "average_order_value": "Number",
    "recency_days": "Number",
    "r_score": "Number",
    "f_score": "Number",
    "m_score": "Number",
    "vip": "Text",
    "engagement": "Text",
    "last_product": "Text",
    "last_category": "Text",
    "ruleset": "Text",
    "expected_next_order_on": "Date",
    "p_alive": "Number",
    "expected_purchases_365": "Number",
    "expected_revenue_365": "Number",
    "account_stage": "Text",
    "account_stage_since": "Date",
}
#: What every contact carries, whatever its audiences.
STANDARD_COLUMNS = ("stage", "stage_since", "previous_stage", "orders", "revenue", "last_order_on")
FIELD_PREFIX = "lifecycle_"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        message = f"{name!r} is no time zone; give an IANA name such as Europe/Zurich"
        raise ValueError(message) from None
    return name


def _five_fields(cron: str) -> str:
    from croniter import croniter

    if not croniter.is_valid(cron):
        message = f"{cron!r} is no cron expression; give five fields such as '30 3 * * *'"
        raise ValueError(message)
    return cron


def _customer_column(name: str) -> str:
    if name not in CUSTOMER_COLUMNS:
        message = f"{name!r} is no column to push; valid values: {', '.join(CUSTOMER_COLUMNS)}"
        raise ValueError(message)
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]
Cron = Annotated[str, AfterValidator(_five_fields)]
CustomerColumn = Annotated[str, AfterValidator(_customer_column)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
StageNames = Annotated[list[Stage], Field(min_length=1)]
CustomerColumns = list[CustomerColumn]  # named here: inside ``Audience`` the built-in is hidden by a field
#: Single underscores only: dlt would join several in the name of a schema.
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)]
Days = Annotated[int, Field(ge=1, le=36500)]
Quantile = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Shop(_Section):
    """A shop to read; its name is its source in ``raw`` and its ``shop`` in the marts."""

    kind: Literal["woocommerce"]
    connection: str
    timezone: TimeZone
    currency: Currency
    paid_statuses: list[str] = Field(default=["processing", "completed"], min_length=1)
    zero_value_orders_count: bool = False
    test_payment_methods: list[str] = []
    consent_field: str | None = None
    account_field: str | None = None
    first_business_day: date = date(2000, 1, 1)
    overlap_days: Annotated[int, Field(ge=0, le=365)] = 7


class Esp(_Section):
    """The e-mail service provider, to read and to write."""

    kind: Literal["sendgrid"]
    connection: str
    opt_in_lists: list[str] = []
    message_activity: bool = True
    activity_days: Days = 30


class NewStage(_Section):
    """How long one purchase alone keeps a person new; ``null``: until the person is overdue."""

    max_days: Days | None = None


class AtRisk(_Section):
    """From the business day ``after_days`` after the last purchase day on, or from that quantile of the gaps."""

    after_days: Days
    quantile: Quantile = 0.8


class Lapsed(_Section):
    """As ``AtRisk``, later."""

    after_days: Days
    quantile: Quantile = 0.9


class Lost(_Section):
    """As ``Lapsed``, later."""

    after_days: Days
    quantile: Quantile = 0.975


class RuleSet(_Section):
    """Whose purchases count, and after how many days without one a stage begins.

    ``fixed`` takes the days as they stand; ``shop`` takes the quantiles of the gaps between purchase days, once they
    are frozen; ``personal`` weighs these against the person's own gaps.
    """

    kind: Literal["fixed", "shop", "personal"] = "fixed"
    shops: Annotated[list[str], Field(min_length=1)] | None = None
    customers: Literal["all", "b2b", "b2c"] = "all"
    new: NewStage = NewStage()
    at_risk: AtRisk
    lapsed: Lapsed
    lost: Lost
    min_gaps: Annotated[int, Field(ge=1)] = 200
    at_least_days: Days = 7
    credibility_gaps: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        thresholds = (self.at_risk, self.lapsed, self.lost)
        for given in ("after_days", "quantile"):
            values = [getattr(threshold, given) for threshold in thresholds]
            if values != sorted(set(values)):
                message = f"at_risk, lapsed and lost must come one after the other; {given} are {values}"
                raise ValueError(message)
        return self

    def covers_everybody(self) -> bool:
        """Whether no person is left to another rule set."""
        return self.shops is None and self.customers == "all"


class Stages(_Section):
    """The rule sets, in order: the first that covers a person gives the stage that audiences use."""

    rulesets: dict[Name, RuleSet] = Field(min_length=1)

    @model_validator(mode="after")
    def _everybody_is_covered(self) -> Self:
        if not list(self.rulesets.values())[-1].covers_everybody():
            message = "the last rule set must be for everybody: 'shops: null' and 'customers: all'"
            raise ValueError(message)
        return self


class Vip(_Section):
    """The share of buyers with the highest value or frequency; ties are kept together."""

    share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    by: Literal["revenue", "orders"] = "revenue"


class Engagement(_Section):
    """A person who opened or clicked within so many days is engaged."""

    engaged_days: Days = 90


class Consent(_Section):
    """Whether a buyer may be contacted without an opt-in, under the existing-customer rule."""

    existing_customers: bool = False


class Limits(_Section):
    """How much may change in one night; shares count from ``Guards.from_members`` on, and ``null`` is no limit."""

    max_created: Count | None = None
    max_created_share: Share | None = None
    max_added: Count | None = None
    max_added_share: Share | None = None
    max_removed: Count | None = None
    max_removed_share: Share | None = None


class AudienceLimits(Limits):
    """The limits for one list; any that an audience sets itself goes before the one for every list."""

    max_added: Count | None = 50_000
    max_added_share: Share | None = 1.0
    max_removed: Count | None = 20_000
    max_removed_share: Share | None = 0.5
    stop_if_emptied_from: Annotated[int, Field(ge=1)] | None = 100


class OverallLimits(Limits):
    """The limits for all lists together, and for contacts that are new at the provider."""

    max_created: Count | None = 100_000
    max_created_share: Share | None = 0.5
    max_added: Count | None = 200_000
    max_removed: Count | None = 50_000
    max_removed_share: Share | None = 0.5


class Guards(_Section):
    """Limits that stop a plan before the first call, until a person has approved it."""

    from_members: Annotated[int, Field(ge=1)] = 1000
    audience: AudienceLimits = AudienceLimits()
    overall: OverallLimits = OverallLimits()
    suppressions_max_age_days: Annotated[int, Field(ge=0)] = 2
    suppressions_may_be_empty: bool = False
    approve_within_hours: Annotated[int, Field(ge=1, le=24 * 7)] = 12

    def of(self, audience: "Audience") -> AudienceLimits:
        """The limits of one audience: its own before those of every list."""
        own = audience.guards
        stated = {name: getattr(own, name) for name in own.model_fields_set} if own else {}
        return self.audience.model_copy(update=stated)


class ContactCap(_Section):
    """At most so many contacts with a person in so many days, over all audiences."""

    contacts: Annotated[int, Field(ge=1)]
    days: Days


class Audience(_Section):
    """Who is on one list of the provider."""

    list: Annotated[str, Field(min_length=1, max_length=100)]
    description: str = ""
    stages: StageNames
    where: str | None = None
    entered_within_days: Days | None = None
    priority: Annotated[int, Field(ge=0, le=1000)] = 50
    exclusive_group: Name | None = None
    is_contact: bool = True
    min_days_since_contact: Days | None = None
    holdout_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    fields: CustomerColumns = []
    guards: AudienceLimits | None = None


class Destination(_Section):
    """Where the lists go, if not to the provider that is read."""

    kind: Literal["sendgrid", "brevo"]
    connection: str


class Settings(_Section):
    """Everything that a marketer decides, checked."""

    timezone: TimeZone
    schedule: Cron = "30 3 * * *"
    currency: Currency
    shops: dict[Name, Shop] = Field(min_length=1)
    esp: Esp
    stages: Stages
    vip: Vip = Vip()
    engagement: Engagement = Engagement()
    consent: Consent = Consent()
    audiences: dict[Name, Audience] = Field(min_length=1)
    contact_cap: ContactCap | None = None
    guards: Guards = Guards()
    destination: Destination | None = None
    keep_deliveries_days: Annotated[int, Field(ge=30, le=36500)] = 730

    @model_validator(mode="after")
    def _each_list_once(self) -> Self:
        lists = [audience.list for audience in self.audiences.values()]
        taken = sorted({name for name in lists if lists.count(name) > 1} | {*lists} & {*self.esp.opt_in_lists})
        if taken:
            message = f"each audience needs a list of its own, no opt-in list; used more than once: {taken}"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _each_source_once(self) -> Self:
        if ESP in self.shops:
            message = f"a shop can't be named {ESP!r}, which is the e-mail service provider; give it another name"
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

    def custom_fields(self) -> dict[str, FieldType]:
        """Name → type of every custom field that the provider has to know."""
        own = [column for audience in self.audiences.values() for column in audience.fields]
        return {FIELD_PREFIX + column: CUSTOMER_COLUMNS[column] for column in dict.fromkeys((*STANDARD_COLUMNS, *own))}

    def push_to(self) -> Esp | Destination:
        """Where the lists go: ``kind`` names the destination, ``connection`` how to reach it."""
        return self.destination or self.esp

    def sources(self) -> dict[str, Shop | Esp]:
        """Name → what to read, in ``raw``'s own names: the shops', and ``esp``."""
        return {**self.shops, ESP: self.esp}


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key given twice is an error; the plain loader would drop the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            message = f"line {node.start_mark.line + 1}: given twice: {', '.join(twice)}"
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
        problems = [f"  {_place(problem['loc'])}: {_explain(problem)}" for problem in error.errors()]
        message = "\n".join([f"{origin}: {len(problems)} problem(s)", *problems])
        raise SettingsInvalid(message) from None


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part != "[key]") or "lifecycle"


def _explain(problem: Mapping[str, Any]) -> str:
    """One problem in words, with what would be valid."""
    if problem["type"] == "extra_forbidden":
        return f"unknown key; valid keys: {', '.join(_section(problem['loc'][:-1]).model_fields)}"
    message: str = problem["msg"].removeprefix("Value error, ")
    given = problem["input"]
    return (
        message if isinstance(given, dict | list) or problem["type"] == "value_error" else f"{message}, not {given!r}"
    )


def _section(location: tuple[int | str, ...]) -> type[_Section]:
    """The section of the file that a location lies in."""
    here: Any = Settings
    for part in location:
        if isinstance(here, type) and issubclass(here, _Section):
            here = here.model_fields[str(part)].annotation
            here = next((kind for kind in getattr(here, "__args__", ()) if get_args(here)[1:] == (NoneType,)), here)
        else:
            here = here.__args__[1]
    return here  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a shop, a provider or the warehouse is, and how to sign in; never printed."""

    name: str
    kind: str = ""
    host: str = ""
    port: int | None = None
    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def base_url(self, default: str = "") -> str:
        """The HTTP address, without a slash at its end; ``default`` where the connection names no host."""
        if not self.host:
            if not default:
                message = f"connection {self.name}: give the host, such as https://shop.example"
                raise SettingsInvalid(message)
            return default
        if "://" in self.host:
            address = self.host
        else:
            stated = next((word for word in (self.schema, self.kind) if word in {"http", "https"}), None)
            local = self.host in {"localhost", "127.0.0.1", "::1"}
            address = f"{stated or ('http' if local else 'https')}://{self.host}"
        if self.port and urlsplit(address).port is None:
            parts = urlsplit(address)
            address = parts._replace(netloc=f"{parts.netloc}:{self.port}").geturl()
        return address.rstrip("/")

    def database_url(self) -> str:
        """The PostgreSQL URL; raises ``SettingsInvalid`` if host, login, password or database is missing."""
        parts = {
            "host": self.host,
            "login": self.login,
            "password": self.password,
            "database (schema)": self.schema,
        }
        missing = [name for name, value in parts.items() if not value]
        if missing:
            message = (
                f"connection {self.name}: missing {', '.join(missing)}; give postgresql://login:password@host/database"
            )
            raise SettingsInvalid(message)
        options = {key: value for key, value in self.extra.items() if key.startswith("ssl") and isinstance(value, str)}
        query = f"?{urlencode(options)}" if options else ""
        who = f"{quote(self.login, safe='')}:{quote(self.password, safe='')}"
        return f"postgresql://{who}@{self.host}:{self.port or 5432}/{quote(self.schema, safe='')}{query}"
