"""Style sheet and script of the page, and Plotly's script from its package."""

import functools
import hashlib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

OWN = Path(__file__).parent / "static"
PLOTLY = "plotly.min.js"
TYPES = {"page.css": "text/css", "page.js": "text/javascript", PLOTLY: "text/javascript"}


def path(name: str) -> Path | None:
    """The path of a static file; None if there is no such file."""
    if name not in TYPES:
        return None
    return _plotly() if name == PLOTLY else OWN / name


@functools.cache
def content(name: str) -> str:
    """The text of a static file."""
    file = path(name)
    return file.read_text(encoding="utf-8") if file else ""


@functools.cache
def versions() -> dict[str, str]:
    """Versions for the links to static files, so that a browser loads a changed file again."""
    own = hashlib.sha256((content("page.css") + content("page.js")).encode()).hexdigest()[:12]
    return {"version": own, "plotly_version": version("plotly")}


def _plotly() -> Path:
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        message = "plotly is not installed"
        raise ModuleNotFoundError(message)
    return Path(spec.submodule_search_locations[0], "package_data", PLOTLY)
