"""What a call costs in guest instructions: exact, and within the budget."""

import checks
import pytest

BUDGET = 48




def count(boot, entry: str, cpu: str) -> dict[tuple[str, str], int]:
    return checks.exact_counts(boot, entry=entry, cpu=cpu, smp=1)


@pytest.mark.parametrize("entry", ["both", "int", "syscall"])
def test_null_call_is_within_its_budget_on_every_cpu_model(boot, entry):
    plain, hardened = count(boot, entry, "qemu64"), count(boot, entry, "max")
    doors = {"both": {"int 0x80", "syscall"}, "int": {"int 0x80"}, "syscall": {"syscall"}}[entry]
    assert {door for _, door in plain} == doors
    assert all(plain["getpid", door] <= BUDGET for door in doors), plain
    assert plain == hardened, "SMAP costs no instruction: a nop is in its place without it"


def test_count_is_the_same_in_every_run_and_does_not_depend_on_the_other_door(boot):
    both, again = count(boot, "both", "max"), count(boot, "both", "max")
    assert both == again
    assert both == count(boot, "int", "max") | count(boot, "syscall", "max")


def test_other_cpus_do_not_add_to_it(boot):
    assert checks.exact_counts(boot, smp=4, cpu="max") == checks.exact_counts(boot, smp=1, cpu="max")
