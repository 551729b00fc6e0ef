"""The harness of the report's tests: runs tools/report on records, and reads its page as a reader does.
Small records by hand; the fixtures are whole ones."""

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from records import Maker, written

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
PLOTS = ["distribution", "cpus", "anatomy-instructions", "anatomy-time", "scale"]


class Text(HTMLParser):
    """What a reader sees of a page, element after element; tables as rows of cells."""

    def __init__(self, page: str):
        super().__init__()
        self.lines, self.rows, self.skip, self.elements = [], [], 0, []
        self.cell = None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.skip += tag == "style"
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.cell = []

    def handle_endtag(self, tag):
        self.skip -= tag == "style"
        if tag in ("td", "th"):
            self.rows[-1].append(" ".join("".join(self.cell).split()))
            self.cell = None

    def handle_data(self, data):
        if not self.skip:
            self.lines += [data] if data.strip() else []
            if self.cell is not None:
                self.cell.append(data)

    def __str__(self):
        return " ".join(" ".join(self.lines).split())

    def row(self, *head: str) -> list[str]:
        """The cells of the row whose first one begins so."""
        found = [row for row in self.rows if row and row[0] in head]
        found = found or [row for row in self.rows if row and row[0].startswith(head)]
        assert len(found) == 1, (head, found)
        return found[0][1:]


class Report:
    """One run of tools/report."""

    def __init__(self, folder: Path, *contents, env=None, names=None):
        self.folder, self.out = folder, folder / "out"
        self.paths = []
        for number, content in enumerate(contents):
            path = folder / (names[number] if names else f"r{number}.jsonl")
            path.parent.mkdir(exist_ok=True, parents=True)
            if not isinstance(content, (str, bytes)):
                content = written(content)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            self.paths.append(path)
        self.run(*self.paths, env=env)

    def run(self, *paths, env=None):
        self.done = subprocess.run(
            [sys.executable, ROOT / "tools/report", "--out", self.out, *paths],
            capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=120,
        )  # fmt: skip

    @property
    def page(self) -> str:
        return (self.out / "index.html").read_text(encoding="utf-8")

    @property
    def text(self) -> Text:
        assert self.done.returncode == 0, self.done.stderr
        return Text(self.page)

    @property
    def figures(self) -> list[dict]:
        return json.loads((self.out / "figures.json").read_text())["files"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole record, as `make report` leaves it."""
    return Report(tmp_path_factory.mktemp("whole"), Maker(7).whole())


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    server = Maker(9, cpus=64, tsc_khz=3000000, brand="A server's CPU")
    server.machine.update(hypervisor=None, host={})
    content = Maker(8).whole(), server.whole()
    return Report(tmp_path_factory.mktemp("two"), *content, names=["laptop.jsonl", "server.jsonl"])


def sample(middle: float, low: float, high: float) -> dict:
    """Ticks with that median and interval."""
    return {
        "kind": "batch", "per": 1, "n": 100, "min": middle * 0.9, "p50": middle, "p90": middle * 1.2,
        "p99": middle * 1.3, "p999": middle * 1.4, "max": middle * 1.5, "mean": middle, "mad": 1.0,
        "ci": [low, high], "ticked": 0, "migrated": 0, "overhead": 26,
    }  # fmt: skip


def crossings(maker: Maker, gate, fast, machine=None) -> list[dict]:
    """A record for each door; each of the two is (median, low, high) or None."""
    sides = {"int": gate, "syscall": fast}
    return [
        maker.record("crossing", sample(*values), machine, cpu=0, door=door)
        for door, values in sides.items()
        if values
    ]


def counted(maker: Maker, value: float, machine=None, door="syscall") -> dict:
    return maker.record("crossing", maker.exact(value), machine, cpu=0, door=door)


def ladder(maker: Maker, **rungs) -> list[dict]:
    return [
        maker.record("ladder", sample(*values), door="int", rung=rung, cpu=0)
        for rung, values in rungs.items()
    ]


def call(maker: Maker, name: str, values, linux=False) -> dict:
    taken = sample(*values) if isinstance(values, tuple) else maker.exact(values)
    return maker.record("call", taken, maker.linux() if linux else None, name=name, door="syscall")


EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\x1b[31m\u202e\ud800'


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """Markup, escape sequences and a lone surrogate wherever a record or a command has a string."""
    maker = Maker(3)
    maker.machine["mitigations"][EVIL] = EVIL
    maker.machine["host"] = {EVIL: EVIL}
    for key in (
        "kernel",
        "build",
        "git",
        "compiler",
        "cpu",
        "vendor",
        "features",
        "hypervisor",
        "tsc_source",
    ):
        maker.machine[key] = EVIL
    linux = call(maker, "getpid", 44, True)
    del linux["sample"]
    linux["absent"] = EVIL
    content = [*maker.whole(), linux, {**linux, "measurement": EVIL}]
    folder = tmp_path_factory.mktemp("evil")
    return Report(folder, content, names=["<script>alert(3)<!--\x1b[31m.jsonl"])
