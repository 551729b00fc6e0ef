#!/usr/bin/python3
"""How long interrupts stay off at most, in guest instructions, by kind: boots each load (programs of
test/guest that build as much as they may) under icount, with one CPU and irqsoff=on, and prints a table.

Ends with 1 when a stretch is longer than the bound, or when a load did not end well. The boot test of the
bound (test/boot/test_irqsoff.py) takes the loads and the bound from here."""

from __future__ import annotations

import argparse
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

sys.dont_write_bytecode = True
from machine import Machine, run  # noqa: E402

BOUND = 1_000_000  # docs/smp.md, "Interrupts are off from door to door"
STRETCH = re.compile(r"^\[ *\d+\.\d+\] irqsoff: (\d+) (.+)$")


@dataclass(frozen=True)
class Load:
    """The program is /test/long_NAME, and is init."""

    name: str
    what: str
    mem: str = "512M"

    def machine(self, iso: str, more: str = "") -> Machine:
        line = f"{more} irqsoff=on init=/test/long_{self.name}".strip()
        return Machine(iso=iso, append=line, smp=1, mem=self.mem, icount=True)


LOADS = [
    Load("threads", "10,000 threads"),
    Load("processes", "5,000 processes", "1G"),
    Load("areas", "65,000 areas"),
    Load("tables", "100,000 page tables", "3G"),
    Load("memory", "256 MiB of memory", "1G"),
    Load("calls", "the longest arguments"),
]


def stretches(lines: list[str]) -> dict[str, int]:
    """The longest of each kind that a boot's log tells: the ten longest are told."""
    return {match[2]: int(match[1]) for line in lines if (match := STRETCH.match(line))}


def main() -> int:
    parser = argparse.ArgumentParser(description="the longest stretches with interrupts off, by kind")
    parser.add_argument("--iso", default="build/both/test.iso")
    parser.add_argument("--append", default="", metavar="WORDS", help="more for the kernel's command line")
    parser.add_argument("--timeout", type=float, default=300, metavar="S", help="of each boot; 0: never")
    parser.add_argument("loads", nargs="*", metavar="LOAD", help=", ".join(load.name for load in LOADS))
    options = parser.parse_args()
    if unknown := set(options.loads) - {load.name for load in LOADS}:
        parser.error(f"no such load: {', '.join(sorted(unknown))}")
    loads = [load for load in LOADS if not options.loads or load.name in options.loads]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        boots = pool.map(lambda load: run(load.machine(options.iso, options.append), options.timeout), loads)
        results = dict(zip(loads, boots))

    longest: dict[str, tuple[int, Load]] = {}
    for load, result in results.items():
        for kind, length in stretches(result.lines).items():
            longest[kind] = max(longest.get(kind, (0, load)), (length, load), key=lambda pair: pair[0])
    print(f"{'kind':20} {'instructions':>12}  under")
    for kind, (length, load) in sorted(longest.items(), key=lambda item: -item[1][0]):
        print(f"{kind:20} {length:12,}  {load.what}{'  > bound' if length > BOUND else ''}")
    failed = [load for load, result in results.items() if result.status or not stretches(result.lines)]
    for load in failed:
        print(f"irqsoff: {load.what}: status {results[load].status}, not 0", file=sys.stderr)
    over = sum(length > BOUND for length, _ in longest.values())
    print(f"{over} kinds above the bound of {BOUND:,}")
    return 1 if failed or over else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
