"""What only the environment says, because it must be known before anything is read."""

import os
import re

from lifecycle.errors import SettingsInvalid

PREFIX = re.compile(r"([a-z][a-z0-9_]{0,30})?")


def schema_prefix() -> str:
    """What goes before the name of every schema: ``LIFECYCLE_SCHEMA_PREFIX``, which is empty by default."""
    prefix = os.environ.get("LIFECYCLE_SCHEMA_PREFIX", "")
    if not PREFIX.fullmatch(prefix):
        message = (
            f"LIFECYCLE_SCHEMA_PREFIX: {prefix!r} is not a valid prefix;"
            " it must be at most 31 lower-case letters, digits and underscores, and begin with a letter"
        )
        raise SettingsInvalid(message)
    return prefix
