"""What a Brevo account holds: folders, lists, attributes, contacts and the processes that import them.

An import takes what it can: an attribute that the account doesn't have and a value of another type are ignored, an
invalid address goes to a file. Only an import that says so touches who is blocked.
"""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from demo.brevo.rules import NAMES, Rules
from demo.esp import Pace
from lifecycle.testing import clock as clocks
from lifecycle.testing.clock import Clock
from lifecycle.testing.faults import Fault

EMAIL = re.compile(r"[^@\s,;<>\"()]+@[^@\s,;<>\"().]+(\.[^@\s,;<>\"().]+)+")


@dataclass
class Contact:
    """A contact; its attributes by their upper-case names."""

    id: int
    email: str
    created_at: int
    modified_at: int
    attributes: dict[str, Any] = field(default_factory=dict)
    list_ids: set[int] = field(default_factory=set)
    is_blocked: bool = False

    def shown(self) -> dict[str, Any]:
        """The contact as the API shows it."""
        return {
            "email": self.email,
            "id": self.id,
            "emailBlacklisted": self.is_blocked,
            "smsBlacklisted": False,
            "createdAt": clocks.iso(self.created_at),
            "modifiedAt": clocks.iso(self.modified_at),
            "listIds": sorted(self.list_ids),
            "attributes": dict(self.attributes),
        }


@dataclass
class Process:
    """An import: what was sent, how long it waits, and what became of it."""

    id: int
    body: Mapping[str, Any]
    fault: Fault | None
    status: str = "queued"
    polls: int = 0
    accepted: float = field(default_factory=time.time)
    accepted_at: int = 0
    count: int = 0
    file: str | None = None

    def shown(self, base_url: str, *, has_info: bool = True) -> dict[str, Any]:
        """The process as the API shows it; a completed one names the file of invalid addresses."""
        answer: dict[str, Any] = {"id": self.id, "name": "IMPORTUSER", "status": self.status}
        if self.status == "completed" and has_info:
            answer["info"] = {"import": {"invalid_emails": base_url + self.file if self.file else None}}
        return answer


@dataclass
class Account:
    """All that the account holds, by id or name."""

    clock: Clock
    pace: Pace
    rules: Rules
    user_id: int = 1
    folders: dict[int, str] = field(default_factory=lambda: {1: "Your first folder"})
    lists: dict[int, tuple[str, int]] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    processes: dict[int, Process] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    last_id: int = 1

    def __post_init__(self) -> None:
        """Make the attributes that every account has."""
        if self.rules.language is not None:
            self.attributes |= dict.fromkeys(NAMES[self.rules.language], "text")

    def next_id(self) -> int:
        """A number that nothing has yet."""
        self.last_id += 1
        return self.last_id

    def add_list(self, name: str, folder_id: int = 1) -> int:
        """Make a list, whatever the names of the others, and return its id."""
        number = self.next_id()
        self.lists[number] = (name, folder_id)
        return number

    def members(self, list_id: int) -> list[Contact]:
        """The contacts of a list in the order in which they were made."""
        return sorted((each for each in self.contacts.values() if list_id in each.list_ids), key=lambda each: each.id)

    def contact(self, email: str) -> Contact:
        """The contact with an address, made if it is new."""
        key, now = email.strip().lower(), self.clock.stamp()
        if key not in self.contacts:
            self.contacts[key] = Contact(self.next_id(), key, now, now)
        return self.contacts[key]

    def submit(self, body: Mapping[str, Any], fault: Fault | None) -> Process:
        """Accept an import."""
        process = Process(self.next_id(), body, fault, count=len(body["jsonBody"]), accepted_at=self.clock.stamp())
        self.processes[process.id] = process
        return process

    def finish_jobs(self, *, at_once: bool = False) -> None:
        """Carry out, in the order of their acceptance, the imports whose time has come."""
        limit = 0.0 if at_once else self.pace.seconds
        for process in self.processes.values():
            if limit is not None and process.accepted <= time.time() - limit:
                self.carry_out(process)

    def poll(self, number: int) -> Process | None:
        """Ask about an import, which may bring it to its end."""
        process = self.processes.get(number)
        if process is not None:
            process.polls += 1
            if process.polls > self.pace.polls:
                self.carry_out(process)
        return process

    def carry_out(self, process: Process) -> None:
        """Bring a waiting import to its end."""
        kind = process.fault.kind if process.fault else ""
        if process.status != "queued" or kind == "job_stuck":
            return
        if kind == "job_late" and process.fault and self.clock.stamp() < process.accepted_at + process.fault.seconds:
            return
        if kind == "job_failed":
            process.status = "failed"
            return
        refused = process.fault.rows if process.fault and kind.startswith("rows_") else 0
        invalid = []
        for number, row in enumerate(process.body["jsonBody"]):
            email = str(row.get("email") or "")
            if number < refused or not EMAIL.fullmatch(email.strip()):
                invalid.append(email)
            else:
                self._write(email, row.get("attributes") or {}, process.body)
        if invalid:
            rows = ["error", *("invalid email" for _ in invalid)] if kind == "rows_unnamed" else ["email", *invalid]
            process.file = self.keep("\n".join(rows).encode())
        if kind == "rows_expired" and process.file:
            self.files.clear()
        process.status, process.body = "completed", {}

    def release_jobs(self) -> None:
        """Let stuck and late imports come to their end like any other."""
        for process in self.processes.values():
            if process.fault is not None and process.fault.kind in ("job_stuck", "job_late"):
                process.fault, process.accepted = None, 0.0

    def keep(self, text: bytes) -> str:
        """Keep a file for download and return its path, which is the permission to read it."""
        token = secrets.token_urlsafe(24)
        self.files[token] = text
        return f"/_files/{token}/invalid_emails.csv"

    def _write(self, email: str, attributes: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        is_new = email.strip().lower() not in self.contacts
        contact = self.contact(email)
        contact.list_ids |= {number for number in options["listIds"] if number in self.lists}
        contact.is_blocked = options.get("emailBlacklist", contact.is_blocked)
        if not is_new and not options.get("updateExistingContacts", True):
            return
        contact.modified_at = self.clock.stamp()
        for name, value in attributes.items():
            if value in ("", None):
                if options.get("emptyContactsAttributes", False):
                    contact.attributes.pop(name, None)
            elif name in self.attributes and fits(self.attributes[name], value):
                contact.attributes[name] = value


def fits(kind: str, value: object) -> bool:
    """Say whether an attribute of this kind takes a value."""
    match kind:
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "date":
            try:
                return isinstance(value, str) and bool(date.fromisoformat(value))
            except ValueError:
                return False
        case "boolean":
            return isinstance(value, bool)
        case _:
            return isinstance(value, str)
