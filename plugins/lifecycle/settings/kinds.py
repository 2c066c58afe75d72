"""Sections whose class depends on their ``kind``: a shop, a provider, a destination."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import PlainValidator, SerializeAsAny, ValidationError

from lifecycle import connectors
from lifecycle.connectors import Group
from lifecycle.settings.audiences import Destination
from lifecycle.settings.section import Section
from lifecycle.settings.sources import Esp, Shop

#: What every such section has → where its kinds are declared.
GROUPS: Mapping[type[Section], Group] = {Shop: "sources", Esp: "sources", Destination: "destinations"}


def section_class(base: type[Section], kind: object) -> type[Section] | None:
    """The class of a section's kind; ``None`` if no such shop, provider or destination is known."""
    group = GROUPS[base]
    if not isinstance(kind, str) or not connectors.is_known(group, kind):
        return None
    declared: type[Section] = connectors.load(group, kind).settings
    return declared if issubclass(declared, base) else None


def _of_its_kind(base: type[Section]) -> PlainValidator:
    def checked(document: object) -> Section:
        if isinstance(document, base):
            return document
        if not isinstance(document, Mapping):
            raise _problem(base, document, "dict_type")
        if "kind" not in document:
            raise _problem(base, document, "union_tag_not_found", discriminator="kind")
        known = section_class(base, document["kind"])
        if known is None:
            valid = [repr(kind) for kind in connectors.kinds(GROUPS[base]) if section_class(base, kind)]
            words = {"tag": str(document["kind"]), "expected_tags": ", ".join(valid)}
            raise _problem(base, document, "union_tag_invalid", discriminator="kind", **words)
        return known.model_validate(document)

    return PlainValidator(checked)


def _problem(base: type[Section], document: object, kind: str, **context: str) -> ValidationError:
    """One of pydantic's own errors, which it tells with the place in the file."""
    return ValidationError.from_exception_data(
        base.__name__, [{"type": kind, "loc": (), "input": document, "ctx": context}]
    )


AnyShop = Annotated[SerializeAsAny[Shop], _of_its_kind(Shop)]
AnyEsp = Annotated[SerializeAsAny[Esp], _of_its_kind(Esp)]
AnyDestination = Annotated[SerializeAsAny[Destination], _of_its_kind(Destination)]
