"""A small Brevo server, API v3, that keeps what it is sent in memory: lists, attributes, contacts and imports.

| module | holds |
|---|---|
| `server` | the object to use |
| `rules` | how strict it is, with sources |
| `account` | what it holds, and how an import changes it |
| `answers` | the answers, and which belongs to which call |
"""

from demo.brevo.rules import Rules
from demo.brevo.server import Brevo
from demo.esp import Pace

__all__ = ["Brevo", "Pace", "Rules"]
