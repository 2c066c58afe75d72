"""Which kinds of shop, provider and destination there are, and where each declares itself.

A kind is a module (or package) that holds one object: ``SOURCE`` in ``lifecycle.sources.<kind>``, ``DESTINATION`` in
``lifecycle.destinations.<kind>``. Whoever brings a kind in a package of their own names that object as an entry point::

    [project.entry-points."lifecycle.sources"]
    example = "lifecycle_example:SOURCE"

A kind is imported when somebody asks for it, so reading the marketer's file imports only the kinds that it names. A
package can't take the name of a kind that is built in.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from lifecycle.errors import SettingsInvalid

Group = Literal["sources", "destinations"]

#: The kinds that come with the project, which need no installation to be found.
BUILT_IN: Mapping[Group, tuple[str, ...]] = {
    "sources": ("woocommerce", "shopify", "shopware", "files", "sql", "sendgrid"),
    "destinations": ("sendgrid", "brevo"),
}
#: What the declared object is called in a module of ours.
DECLARED: Mapping[Group, str] = {"sources": "SOURCE", "destinations": "DESTINATION"}


def kinds(group: Group) -> tuple[str, ...]:
    """The names of all kinds: those that are built in, then those of installed packages."""
    return (*BUILT_IN[group], *sorted({*_installed(group)} - {*BUILT_IN[group]}))


def is_known(group: Group, kind: object) -> bool:
    """Whether there is such a kind; installed packages are looked through only if it is not built in."""
    return kind in BUILT_IN[group] or kind in _installed(group)


def load(group: Group, kind: str) -> Any:
    """The object that declares a kind; raises ``SettingsInvalid`` if there is none, or its package is broken."""
    if kind in BUILT_IN[group]:
        return getattr(import_module(f"lifecycle.{group}.{kind}"), DECLARED[group])
    if kind not in _installed(group):
        message = f"{kind!r} is not a known kind; valid values: {', '.join(kinds(group))}"
        raise SettingsInvalid(message)
    place = f"entry point {kind!r} of lifecycle.{group}"
    try:
        declared = _installed(group)[kind].load()
    except (ImportError, AttributeError) as error:
        message = f"{place}: can't be imported ({type(error).__name__}); is its package installed as a whole?"
        raise SettingsInvalid(message) from error
    if getattr(declared, "kind", None) != kind:
        message = f"{place}: must name the object that declares the kind {kind!r}"
        raise SettingsInvalid(message)
    return declared


@cache
def _installed(group: Group) -> Mapping[str, EntryPoint]:
    """Kind → entry point, of the packages that were installed when the process first asked."""
    return {point.name: point for point in entry_points(group=f"lifecycle.{group}")}
