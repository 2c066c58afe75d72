"""A page as a reader sees it: text by section, data of charts, links and tables."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any


@dataclass
class Table:
    """A table's rows, its head first, and its section."""

    section: str
    rows: list[list[str]] = field(default_factory=list)


class ParsedPage(HTMLParser):
    """The content of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sections: dict[str, str] = {}
        self.charts: dict[str, Any] = {}
        self.tables: list[Table] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._section, self._chart, self._silent, self._in_cell = "", "", False, False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag == "section":
            self._section = attributes.get("id") or ""
        if tag == "script":
            self._silent, self._chart = True, (attributes.get("id") or "").removeprefix("data-")
        if tag == "style":
            self._silent = True
        if tag == "table":
            self.tables.append(Table(self._section))
        if tag == "tr":
            self.tables[-1].rows.append([])
        if tag in {"td", "th"}:
            self.tables[-1].rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._silent, self._chart = False, ""
        if tag == "section":
            self._section = ""
        if tag in {"td", "th"}:
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._chart:
            self.charts[self._chart] = json.loads(data)
        if self._silent:
            return
        self.sections[self._section] = self.sections.get(self._section, "") + data
        if self._in_cell:
            self.tables[-1].rows[-1][-1] += data.strip()

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.sections.values()).split())

    def section(self, name: str) -> str:
        return " ".join(self.sections.get(name, "").split())

    def rows(self, section: str, place: int = 0) -> list[list[str]]:
        return [table.rows for table in self.tables if table.section == section][place]

    def links(self) -> list[str]:
        return [attributes["href"] or "" for tag, attributes in self.elements if tag == "a" and "href" in attributes]
