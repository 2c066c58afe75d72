"""What goes wrong: what the servers answer, what others do at the provider, and what becomes of the warehouse."""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from demo.chaos.simulation import Simulation
from demo.esp import Esp
from demo.shop import Shop
from lifecycle.testing.faults import Fault

ANY = ("PUT", "DELETE", "POST", "GET")
#: Kind of fault → the methods whose calls it meets, and the path.
CALLS: dict[str, tuple[tuple[str, ...], str]] = {
    **dict.fromkeys(("429", "500", "502", "503", "timeout", "reset_mid_body", "truncated", "not_json"), (ANY, "")),
    **dict.fromkeys(("unauthorized", "forbidden", "ip_not_allowed"), (ANY, "")),
    **dict.fromkeys(("400", "404", "413"), (("PUT", "DELETE"), "")),
    **dict.fromkeys(("job_failed", "job_stuck", "job_late"), (("PUT", "DELETE"), "")),
    **dict.fromkeys(("rows_rejected", "rows_unnamed", "rows_expired"), (("PUT",), "")),
    "search_misses": (("POST",), "/search/emails$"),
}
EXPORTS = ("job_failed", "job_stuck")
SHOP_FAULTS = ("429", "500", "503", "timeout", "reset_mid_body", "truncated", "not_json", "page_shift", "page_shift")
STYLES = ("retry_after", "reset_seconds", "reset_epoch", "none")

FULL_DISK = """
create sequence public.room;
create function public.take_room() returns trigger language plpgsql as $$
begin
    if nextval('public.room') > {room} then
        raise exception 'could not extend file: No space left on device' using errcode = '53100';
    end if;
    return null;
end $$;
do $$
declare relation text;
begin
    for relation in select quote_ident(tablename) from pg_tables where schemaname = 'delivery' loop
        execute 'create trigger takes_room after insert or update on delivery.' || relation
            || ' for each statement execute function public.take_room()';
    end loop;
end $$;
"""
FREE_DISK = "drop function public.take_room cascade; drop sequence public.room"


@dataclass
class Kept:
    """A state of the provider, and what others had done there."""

    state: bytes
    names: dict[str, str]
    others: dict[str, set[str]]
    put_by_hand: set[tuple[str, str]]


@dataclass
class Trouble:
    """What is wrong with a simulation at the moment; ``met`` counts what has met a night, by kind."""

    simulation: Simulation
    met: Counter[str] = field(default_factory=Counter)
    switched_on: list[tuple[Fault, int]] = field(default_factory=list)
    kept: Kept | None = None
    has_full_disk: bool = False

    # --- faults of the servers

    def switch_faults_on(self) -> None:
        """Switch some faults on, at both servers, and change what the provider refuses."""
        simulation, dice = self.simulation, self.simulation.dice
        for _ in range(dice.randint(1, 7)):
            kind = dice.choice(list(CALLS))
            methods, path = CALLS[kind]
            method = dice.choice(methods)
            if kind in EXPORTS and dice.random() < 0.2:  # noqa: PLR2004
                method, path = "POST", "/exports$"
            self._switch_on(simulation.esp, Fault(kind, path, method, **self._options()))
        if simulation.is_extracted:
            for _ in range(dice.randint(1, 3)):
                self._switch_on(simulation.shop, Fault(dice.choice(SHOP_FAULTS), method="GET", **self._options()))
        for act in dice.sample((self._limit_contacts, self._show_late, self._refuse_addresses), dice.choice([0, 0, 1])):
            act()

    def _options(self) -> dict[str, Any]:
        dice = self.simulation.dice
        return {
            "times": dice.choice([1, 1, 2, 3, 5]),
            "after": dice.choice([0, 0, 1, 2, 5]),
            "performed": dice.choice([True, False]),
            "style": dice.choice(STYLES),
            "rows": dice.randint(1, 5),
            "shift": dice.choice([-2, -1, 1, 2]),
            "seconds": 5.0,
        }

    def _switch_on(self, server: Shop | Esp, fault: Fault) -> None:
        server.faults.add(fault)
        self.switched_on.append((fault, fault.times or 0))

    def _limit_contacts(self) -> None:
        esp = self.simulation.esp
        esp.rules.max_contacts = len(esp.contacts()) + self.simulation.dice.randint(0, 3)
        self.met["contact_limit"] += 1

    def _show_late(self) -> None:
        self.simulation.esp.rules.looks_until_found = self.simulation.dice.randint(1, 3)
        self.met["contacts_shown_late"] += 1

    def _refuse_addresses(self) -> None:
        self.simulation.esp.rules.refused = dict.fromkeys(self.simulation.some(3), "no such mailbox")
        self.met["addresses_refused"] += 1

    def switch_faults_off(self) -> None:
        """Switch all faults off; late jobs come to their end, and stuck ones at times."""
        simulation = self.simulation
        for fault, times in self.switched_on:
            self.met[fault.kind] += times - (fault.times or 0)
        self.switched_on.clear()
        simulation.esp.faults.clear()
        simulation.shop.faults.clear()
        rules = simulation.esp.rules
        rules.max_contacts, rules.looks_until_found, rules.refused = None, 0, {}
        if simulation.dice.choice([True, False]):
            simulation.esp.release_jobs()
        simulation.esp.store.run("update job set submitted = 0 where json_extract(fate, '$[0]') is not 'job_stuck'")

    # --- what others do, at any moment

    def meddle(self) -> None:
        """Somebody does something at the shop, or at the provider."""
        acts: dict[str, Callable[[], bool]] = {
            "list_deleted": self._delete_list,
            "list_renamed": self._rename_list,
            "field_deleted": self._delete_field,
            "contacts_deleted": self._delete_contacts,
            "taken_off_by_hand": self._take_off,
            "put_on_by_hand": self._put_on,
            "suppressed_during_night": self._suppress,
            "withdrawn_during_night": self._withdraw,
        }
        kind = self.simulation.dice.choice(list(acts))
        self.met[kind] += acts[kind]()

    def _delete_list(self) -> bool:
        simulation = self.simulation
        name = simulation.dice.choice(list(simulation.names))
        there = simulation.names[name]
        if there not in simulation.esp.lists():
            return False
        if there != name:  # what is taken back to a former name would be nobody's
            self.kept = None
        simulation.esp.delete_list(there)
        simulation.names[name] = name
        simulation.others.pop(name, None)
        simulation.put_by_hand = {(on, email) for on, email in simulation.put_by_hand if on != name}
        return True

    def _rename_list(self) -> bool:
        simulation = self.simulation
        name = simulation.dice.choice(list(simulation.names))
        there = simulation.names[name]
        known = {key for (key,) in simulation.query("select provider_id from delivery.list")}
        if simulation.esp.lists().get(there) not in known:
            return False
        self.kept = None
        simulation.names[name] = f"{there}!"
        simulation.esp.rename_list(there, f"{there}!")
        return True

    def _delete_field(self) -> bool:
        fields = list(self.simulation.esp.fields())
        if fields:
            self.simulation.esp.delete_field(self.simulation.dice.choice(sorted(fields)))
        return bool(fields)

    def _delete_contacts(self) -> bool:
        for email in self.simulation.some(3):
            self.simulation.esp.delete_contact(email)
            for emails in self.simulation.others.values():
                emails.discard(email)
        return True

    def _take_off(self) -> bool:
        simulation = self.simulation
        there = simulation.names[simulation.dice.choice(list(simulation.names))]
        ours = sorted(simulation.esp.members(there) & simulation.people.keys())
        for email in ours[:3]:
            simulation.esp.leave_list(there, email)
        return bool(ours)

    def _put_on(self) -> bool:
        simulation = self.simulation
        name = simulation.dice.choice(list(simulation.names))
        if simulation.names[name] not in simulation.esp.lists():
            return False
        for email in simulation.some(3):
            simulation.esp.add_contact(email, lists=[simulation.names[name]])
            simulation.put_by_hand.add((name, email))
        return True

    def _suppress(self) -> bool:
        for email in self.simulation.some(3):
            self.simulation.suppress(email)
        return True

    def _withdraw(self) -> bool:
        for email in self.simulation.some(3):
            self.simulation.withdraw(email)
        return True

    # --- states of former days

    def keep_provider(self) -> None:
        """Keep the provider's state."""
        held = self.simulation
        self.kept = Kept(held.esp.snapshot(), dict(held.names), copy.deepcopy(held.others), set(held.put_by_hand))

    def restore_provider(self) -> bool:
        """Take the provider back to what was kept; its suppressions are not part of that."""
        if self.kept is None:
            return False
        held = self.simulation
        held.esp.restore(self.kept.state)
        held.names, held.others = dict(self.kept.names), copy.deepcopy(self.kept.others)
        held.put_by_hand = set(self.kept.put_by_hand)
        held.esp.store.run("delete from suppression")
        for (kind, email), moment in held.suppressions.items():
            held.esp.suppress(kind, email, moment)
        return True

    # --- the warehouse's disk

    def fill_disk(self) -> None:
        """After some more statements the warehouse's disk is full."""
        self.simulation.query(FULL_DISK.format(room=self.simulation.dice.randint(1, 40)))
        self.has_full_disk = True

    def free_disk(self) -> None:
        """There is room again."""
        if self.has_full_disk:
            ((used, room),) = self.simulation.query(
                "select last_value, substring(prosrc from '> (\\d+)')::bigint from public.room, pg_proc"
                " where proname = 'take_room'"
            )
            self.met["disk_full"] += used > room
            self.simulation.query(FREE_DISK)
            self.has_full_disk = False
