"""Programs that build as much as they can of one thing, and then make the kernel walk it: nothing stops
the machine, nobody is lost, and what a call costs does not grow with what others have built. Small sizes
of them run with all other programs of test/guest, in test_programs.py."""

import re

import checks
import pytest
from conftest import ROOT, newc

MACHINES = [
    pytest.param("both", 1, ""),
    pytest.param("both", 4, ""),
    pytest.param("int", 2, "kpti=on", marks=pytest.mark.large),
    pytest.param("syscall", 4, "kpti=on", marks=pytest.mark.large),
    pytest.param("syscall", 1, "", marks=pytest.mark.large),
    pytest.param("both", 2, "kpti=on", marks=pytest.mark.large),
]
on_machines = pytest.mark.parametrize("entry, smp, line", MACHINES)
TABLE_ENTRIES = 512


def attack(boot, *words, line: str = "", **where):
    """Runs an attack program, which checks for itself that it got what it asked for."""
    program = ",".join(["/test/attack_" + str(words[0]), *map(str, words[1:])])
    done = boot(f"{line} init=/test/runner -- {program}=0", **where)
    done.check_ktap()
    checks.nothing_leaked(done)
    return done


def instructions(done) -> dict[tuple[str, int], list[int]]:
    """What a program counted under -icount, by kind and size; one count by each door."""
    counts: dict[tuple[str, int], list[int]] = {}
    for what, size, count in (
        match.groups() for match in done.find(r"^# ticks of ([\w' -]+), (\d+): (\d+)$")
    ):
        counts.setdefault((what, int(size)), []).append(int(count))
    assert counts, done.log
    return counts


def too_dear(counts, small: int, large: int, most: float) -> list[str]:
    """The kinds that cost more than `most` times as much at the large size as at the small one."""
    kinds = {what for what, _ in counts}
    assert all((what, size) in counts for what in kinds for size in (small, large)), counts
    return [
        f"{what}: {counts[what, small][door]} for {small}, {counts[what, large][door]} for {large}"
        for what in sorted(kinds)
        for door in range(len(counts[what, small]))
        if counts[what, large][door] > most * counts[what, small][door]
    ]


@on_machines
def test_ten_thousand_waiters_move_to_another_futex_beside_its_other_users(boot, entry, smp, line):
    attack(boot, "requeue", 10000, entry=entry, smp=smp, line=line, timeout=300)


def test_empty_page_table_costs_less_than_a_look_at_each_of_its_entries(boot):
    tables = 20000
    counts = instructions(attack(boot, "tables", tables, "alone", smp=1, icount=True))
    assert {what for what, _ in counts} == {"madvise", "mprotect", "fork", "mremap", "munmap"}
    most = tables * TABLE_ENTRIES
    dear = {key: count for key, count in counts.items() if max(count) > most}
    assert not dear, f"more than {most} instructions: {dear}"


@pytest.mark.parametrize(
    "tables, smp, line",
    [
        (6000, 2, ""),  # on a busy host each shootdown waits for the other CPU's turn
        pytest.param(60000, 2, "", marks=pytest.mark.large),
        pytest.param(60000, 4, "kpti=on", marks=pytest.mark.large),
    ],
)
def test_thousands_of_empty_page_tables_stop_nobody(boot, tables, smp, line):
    attack(boot, "tables", tables, smp=smp, line=line, timeout=600)


@pytest.mark.large
@pytest.mark.parametrize("entry, smp", [("both", 2), ("int", 4), ("syscall", 4)])
def test_empty_page_tables_in_all_of_three_gigabytes_stop_nobody(boot, entry, smp):
    attack(boot, "tables", 700000, entry=entry, smp=smp, mem="3G", timeout=900)


@pytest.mark.parametrize(
    "entry, smp, line",
    [
        ("both", 1, ""),
        ("both", 4, "kpti=on"),
        ("both", 65, ""),
        pytest.param("int", 65, "kpti=on", marks=pytest.mark.large),
        pytest.param("syscall", 130, "", marks=pytest.mark.large),
    ],
)
def test_set_of_cpus_is_never_half_of_one_and_half_of_another(boot, entry, smp, line):
    """From 65 CPUs on it is more than one word."""
    attack(boot, "affinity", 3000, entry=entry, smp=smp, line=line, timeout=300)


@pytest.mark.parametrize(
    "smp, times, line",
    [(4, 20, "kpti=on"), (16, 3, ""), pytest.param(65, 2, "", marks=pytest.mark.large)],
)
def test_every_cpu_changes_its_page_tables_at_once_and_all_come_through(boot, smp, times, line):
    attack(boot, "shootdowns", times, smp=smp, line=line, timeout=900)


@on_machines
def test_who_waits_in_vfork_goes_on_whatever_the_child_does(boot, entry, smp, line):
    attack(boot, "vfork", entry=entry, smp=smp, line=line, timeout=300)


def test_ten_times_as_many_processes_and_threads_are_ten_times_the_work(boot):
    counts = instructions(attack(boot, "crowd", 2000, smp=1, icount=True, timeout=300))
    # A tree of ten times the size is three steps deeper: a kill, of 350 instructions, feels that.
    dear = too_dear(counts, 200, 2000, 11)
    assert not dear, "\n".join(dear)


@pytest.mark.large
@on_machines
def test_five_thousand_processes_and_as_many_threads_come_and_go(boot, entry, smp, line):
    attack(boot, "crowd", 5000, entry=entry, smp=smp, line=line, mem="1G", timeout=600)


# Sizes in bytes: on both sides of a page's border, and of the first page's.
SIZES = [0, 1, 4095, 4096, 4097, 8192, 20480]


@pytest.mark.parametrize("entry, smp, line", [("both", 1, ""), ("int", 2, "kpti=on"), ("syscall", 4, "")])
def test_pages_of_a_mapped_file_exist_up_to_its_end(boot, make_iso, entry, smp, line):
    files = {f"file{size}": bytes(b"x" * size) for size in SIZES}
    programs = ("runner", "attack_beyond_file")
    files |= {f"test/{name}": (ROOT / f"build/{entry}/test/{name}").read_bytes() for name in programs}
    # (the runner takes seven words)
    for some in (SIZES[:4], SIZES[4:]):
        words = [f"/file{size}" for size in some]
        done = attack(
            boot, "beyond_file", *words, line=line, entry=entry, iso=make_iso(newc(files), entry), smp=smp
        )
        assert len(done.find("^# pages of the file:")) == len(some) * (2 if entry == "both" else 1)


@on_machines
def test_mappings_are_refused_at_their_limit_by_every_call_that_makes_one(boot, entry, smp, line):
    attack(boot, "areas", entry=entry, smp=smp, line=line, timeout=300)


def test_look_up_among_sixty_thousand_mappings_costs_at_most_twice_one_among_ten(boot):
    counts = instructions(attack(boot, "areas", 60000, smp=1, icount=True, timeout=300))
    assert {what for what, _ in counts} == {"faults", "calls", "mprotects", "mmaps"}
    dear = too_dear(counts, 10, 60000, 2)
    assert not dear, "\n".join(dear)


def test_every_attack_is_run_here():
    sources = {source.stem for source in (ROOT / "test/guest").glob("attack_*.c")}
    text = (ROOT / "test/boot/test_attacks.py").read_text()
    run = set(re.findall(r'attack\(\s*boot, "(\w+)"', text))
    assert sources == {f"attack_{name}" for name in run}
