"""Runs seeds of the chaos side by side, prints what came of them, and writes ``build/chaos.json``."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from demo import postgres
from demo.chaos.seed import Result, run_on_own_server

HOME = Path("build/chaos")
RESULT = Path("build/chaos.json")
COUNTS = ("nights", "kills", "restarts", "restores")
NEVER = ("suppressed_contacted", "findable_refused", "foreign_touched")


def main(arguments: list[str] | None = None) -> int:
    """Run the seeds; 1 if anything differed, or happened that must never."""
    parser = argparse.ArgumentParser(prog="demo.chaos")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=4)
    asked = parser.parse_args(arguments)
    seeds = range(asked.first, asked.first + asked.seeds)
    with ProcessPoolExecutor(asked.processes, mp_context=get_context("spawn")) as pool:
        results = []
        for result in pool.map(partial(run_on_own_server, HOME), seeds):
            results.append(result)
            if result.differences:
                _say(f"seed {result.seed}: {'; '.join(result.differences[:3])}")
            elif len(results) % 10 == 0:
                _say(f"{len(results)} of {asked.seeds} seeds")
    for home in HOME.glob("*/postgres"):
        postgres.remove(home)
    return report(results)


def report(results: Iterable[Result]) -> int:
    """Print and write the figures of all seeds."""
    results = list(results)
    faults = sum((result.faults for result in results), Counter[str]())
    figures = {
        "seeds": len(results),
        "faults": {kind: count for kind, count in sorted(faults.items()) if count},
        **{name: sum(getattr(result, name) for result in results) for name in COUNTS},
        "differences": sum(len(result.differences) for result in results),
        **{name: sum(getattr(result, name) for result in results) for name in NEVER},
        "seeds_that_differ": [result.seed for result in results if result.differences],
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=1) + "\n")
    for name, figure in figures.items():
        _say(f"{name:22} {figure}")
    return 1 if any(figures[name] for name in ("differences", *NEVER)) else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
