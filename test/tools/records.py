"""Made-up records for the report's tests: a whole file, ours and Linux's, plausible and the same for
the same seed. As a command it prints them: test/tools/records.py [SEED] >x.jsonl"""

from __future__ import annotations

import copy
import json
import math
import random
import sys
from statistics import median

BITS = 6
RUNGS = ("bare", "swapgs", "stack", "frame", "dispatch", "real")
LADDER = {"int": (1, 3, 3, 24, 31, 39), "syscall": (1, 3, 6, 29, 36, 44)}  # instructions
TICKS = {"int": 343.0, "syscall": 163.0}  # of getpid
MITIGATIONS = {
    "smap": "on",
    "index_mask": "on",
    "swapgs_fence": "on",
    "clear_regs": "off",
    "ibrs": "absent",
    "ibpb": "absent",
    "kpti": "off",
    "pcid": "absent",
}
ADDS = {"smap": 2, "index_mask": 3, "swapgs_fence": 1, "clear_regs": 14, "kpti": 6}
CALLS = {  # name: ours and Linux's instructions, ours and Linux's ticks, doors
    "getpid": (39, 305, 343, 1460, ("int", "syscall")),
    "ENOSYS": (48, 207, 380, 1100, ("int", "syscall")),
    "clock_gettime": (60, 40, 420, 120, ("libc",)),
    "write": (120, 800, 700, 3500, ("int", "syscall")),
    "futex wake": (95, 500, 600, 2500, ("int", "syscall")),
    "sched_yield": (300, 1500, 2000, 8000, ("int", "syscall")),
    "mmap touch munmap": (1500, 7000, 9000, 30000, ("syscall",)),
    "page fault": (400, 1300, 2500, 6000, ("syscall",)),
    "thread create join": (5000, 20000, 30000, 90000, ("libc",)),
}

Records = list[dict]


def index_of(value: int, bits: int = BITS) -> int:
    if value < 2 << bits:
        return value
    shift = value.bit_length() - 1 - bits
    return (shift + 1 << bits) + (value >> shift) - (1 << bits)


class Maker:
    def __init__(
        self, seed: int = 1, cpus: int = 4, tsc_khz: int = 2600000, brand: str = "AMD Ryzen 5 3600X"
    ):
        self.random = random.Random(seed)
        self.cpus = cpus
        self.machine = {
            "kernel": "Sallyport 0.1",
            "build": "6b1f0c52a9d3",
            "git": "276b01d",
            "entry": "both",
            "compiler": "gcc 12.2.0",
            "cpu": brand,
            "vendor": "AuthenticAMD",
            "family": 23,
            "model": 113,
            "stepping": 0,
            "features": "NX WP SMEP SMAP UMIP FSGSBASE XSAVE AVX",
            "mitigations": dict(MITIGATIONS),
            "lab": True,
            "hypervisor": "TCG",
            "host": {"qemu": "7.2.22", "accel": "tcg"},
            "cpus": cpus,
            "tsc_khz": tsc_khz,
            "tsc_source": "PIT",
            "tsc_error_ppm": 120,
            "tsc_invariant": False,
            "icount": False,
        }

    def record(self, measurement: str, sample: dict, machine: dict | None = None, **own) -> dict:
        counted = sample.get("kind") == "exact"
        histogram = sample.pop("histogram", None)
        record = {"schema": 1, "measurement": measurement, **own}
        record["unit"] = "instructions" if counted else "ticks"
        record["machine"] = copy.deepcopy(machine or self.machine)
        record["machine"]["icount"] = counted
        record["sample"] = sample
        if histogram:
            record["histogram"] = histogram
        return record

    def single(self, middle: float, n: int = 2000, kind: str = "single") -> dict:
        """A lognormal bulk and a few samples that a tick hit."""
        values = [middle * math.exp(self.random.gauss(0, 0.06)) for _ in range(n)]
        ticked = max(1, n // 500)
        for i in range(ticked):
            values[i] *= self.random.uniform(20, 200)
        values.sort()

        def quantile(q: float) -> float:
            return round(values[min(n - 1, int(q * n))], 2)

        half = 1.96 * math.sqrt(n) / 2
        center = median(values)
        sample = {
            "kind": kind,
            "per": 1 if kind == "single" else 1000,
            "n": n,
            "min": quantile(0),
            "p50": round(center, 2),
            "p90": quantile(0.9),
            "p99": quantile(0.99),
            "p999": quantile(0.999),
            "max": quantile(1),
            "mean": round(sum(values) / n, 3),
            "mad": round(median(abs(value - center) for value in values), 3),
            "ci": [round(values[int(n / 2 - half)], 2), round(values[int(n / 2 + half)], 2)],
            "ticked": ticked,
            "migrated": 0,
            "overhead": 44.0,
        }
        if kind == "single":
            counts: dict[int, int] = {}
            for value in values:
                counts[index_of(int(value))] = counts.get(index_of(int(value)), 0) + 1
            sample["histogram"] = {
                "bits": BITS,
                "counts": [list(item) for item in sorted(counts.items())],
            }
        return sample

    def exact(self, value: float) -> dict:
        return {"kind": "exact", "per": 1000, "value": value}

    # -- what one boot records --------------------------------------------------------------------

    def crossings(self, machine: dict | None = None, adds: int = 0) -> Records:
        """Both doors on every CPU, timed and counted, with so many instructions more than usual."""
        records = []
        for door in TICKS:
            for cpu in range(self.cpus):
                middle = (TICKS[door] + 3 * adds) * (1 + 0.01 * cpu)
                own = {"cpu": cpu, "door": door, "machine": machine}
                records.append(self.record("crossing", self.single(middle), **own))
                records.append(
                    self.record("throughput", self.single(middle * 0.9, 200, "batch"), **own)
                )
            counted = self.exact(LADDER[door][-1] + adds)
            records.append(self.record("crossing", counted, cpu=0, door=door, machine=machine))
        return records

    def ladder(self) -> Records:
        records = []
        for door, counts in LADDER.items():
            for rung, count in zip(RUNGS, counts):
                own = {"door": door, "rung": rung, "cpu": 0}
                records.append(self.record("ladder", self.exact(count), **own))
                middle = TICKS[door] * (0.3 + 0.7 * count / counts[-1])
                records.append(self.record("ladder", self.single(middle), **own))
        return records

    def ways(self) -> Records:
        records = []
        for into, out, count in (
            ("int", "iretq", 39),
            ("int", "sysretq", 41),
            ("syscall", "iretq", 46),
            ("syscall", "sysretq", 44),
        ):
            own = {"in": into, "out": out, "cpu": 0}
            records.append(self.record("ways", self.exact(count), **own))
            records.append(
                self.record("ways", self.single(TICKS[into] + (70 if out == "iretq" else 0)), **own)
            )
        return records

    def scale(self) -> Records:
        records = []
        for door in TICKS:
            threads = 1
            while threads <= self.cpus:
                each = [2.6e9 / TICKS[door] * self.random.uniform(0.9, 1) for _ in range(threads)]
                rate = {"kind": "rate", "calls_per_second": sum(each), "each": each, "seconds": 1.0}
                records.append(self.record("scale", rate, door=door, threads=threads))
                records.append(
                    self.record("scale", self.exact(LADDER[door][-1]), door=door, threads=threads)
                )
                threads *= 2
        return records

    def clock(self) -> Records:
        return [
            self.record("clock", self.single(44 if what == "bracket" else 2), what=what)
            for what in ("bracket", "empty loop")
        ]

    def calls(self, machine: dict | None = None) -> Records:
        theirs = machine is not None
        return [
            self.record("call", sample, machine, name=name, door=door)
            for name, row in CALLS.items()
            for door in row[4]
            for sample in (self.exact(row[theirs]), self.single(row[2 + theirs], 500))
        ]

    def linux(self) -> dict:
        return {
            **self.machine,
            "kernel": "Linux 6.1.0-56-cloud-amd64",
            "build": None,
            "git": None,
            "entry": None,
            "compiler": None,
            "features": None,
            "mitigations": None,
            "lab": False,
        }

    def whole(self) -> Records:
        """As `make report` leaves it: the default boot, Linux by turns, a boot per mitigation."""
        records = self.clock() + self.crossings() + self.ladder() + self.ways() + self.scale()
        for _ in range(2):
            records += self.calls() + self.calls(self.linux())
        for name, adds in ADDS.items():
            machine = copy.deepcopy(self.machine)
            state = machine["mitigations"][name]
            machine["mitigations"][name] = "off" if state == "on" else "on"
            records += self.crossings(machine, -adds if state == "on" else adds)
        absent = self.record("call", self.exact(0), name="exception", door="syscall")
        del absent["sample"]
        absent["absent"] = "no signals here"
        return records + [absent]


def written(records: Records) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


if __name__ == "__main__":
    sys.stdout.write(written(Maker(int(sys.argv[1]) if len(sys.argv) > 1 else 1).whole()))
