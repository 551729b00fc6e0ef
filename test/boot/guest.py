"""The programs in test/guest and what the comments at their heads say of them: how they end, which
arguments they want, which build they are for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

GUEST = Path(__file__).resolve().parents[1] / "guest"
NOT_RUN_ALONE = {"runner", "leak", "alloc_fail"}  # they run others
CROWDS = {"crowd", "ends", "transfers", "turns"}  # seconds each, and little that differs by CPU or door


@dataclass(frozen=True)
class Program:
    name: str
    args: tuple[str, ...]
    endings: tuple[str, ...]  # exit statuses and names of signals
    entry: str  # the build it is for; "": every

    def word(self, entry: str) -> str:
        """As /test/runner takes it."""
        words = [word.replace("$ENTRY", entry) for word in (self.name, *self.args)]
        return f"/test/{','.join(words)}={'|'.join(self.endings)}"


def read(source: Path) -> list[Program]:
    said: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(?://|;) (\w+): (.*)$", source.read_text(), re.MULTILINE):
        said.setdefault(key, []).append(value)
    endings = said.get("exits", []) + said.get("dies", []) or ["0"]
    libc = said.get("libc", ["musl"])[0]
    return [
        Program(
            source.stem + suffix,
            tuple(" ".join(said.get("args", [])).split()),
            tuple(endings),
            said.get("entry", [""])[0],
        )
        for suffix in (["", "-glibc"] if libc == "both" else [""])
    ]


PROGRAMS = [
    program
    for source in sorted(GUEST.iterdir())
    if source.suffix in (".c", ".asm") and source.stem not in NOT_RUN_ALONE
    and not source.stem.startswith(("attack_", "fuzz_", "long_"))  # they have tests of their own
    for program in read(source)
]


def programs(entry: str) -> list[Program]:
    """All that are made for this build."""
    return [program for program in PROGRAMS if program.entry in ("", entry)]
