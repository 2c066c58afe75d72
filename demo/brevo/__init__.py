"""A small Brevo server, API v3, that keeps what it is sent in memory: lists, attributes, contacts and imports.

| module | holds |
|---|---|
| `server` | the object to use |
| `account` | what it holds, and how an import changes it |
| `answers` | the answers, and which belongs to which call |
"""

from demo.brevo.server import Brevo
from demo.esp import Pace

__all__ = ["Brevo", "Pace"]
