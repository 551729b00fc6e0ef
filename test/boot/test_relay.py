"""`make run`: a user's own program, its arguments, its output and its status, on each machine that the
runner offers; and the demo."""

import re
import subprocess

import pytest
from conftest import make

SOURCE = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread long own;
static long sum;

static void *add(void *arg)
{
    for (own = 0; own < 1000; own++) {
        pthread_mutex_lock(&mutex);
        sum += (long)arg;
        pthread_mutex_unlock(&mutex);
    }
    return (void *)own;
}

int main(int argc, char **argv)
{
    pthread_t threads[4];
    void *turns;
    for (long i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, add, (void *)i);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], &turns);
    printf("sum %ld, turns %ld\n", sum, (long)turns);
    for (int i = 1; i < argc; i++)
        printf("argument %d: [%s]\n", i, argv[i]);
    fprintf(stderr, "to standard error\n");
    if (argc > 1 && strcmp(argv[argc - 1], "abort") == 0)
        abort();
    return argc > 1 ? atoi(argv[argc - 1]) : 0;
}
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    (folder / "threads.c").write_text(SOURCE)
    for name, compiler in {
        "mine-glibc": ["gcc", "-static", "-no-pie"],
        "mine-pie": ["gcc", "-static-pie", "-fPIE"],
        "mine-musl": ["musl-gcc", "-static"],
    }.items():
        command = [*compiler, "-O2", "-pthread", "-o", name, "threads.c"]
        subprocess.run(command, cwd=folder, check=True)
    return folder


# One ENTRY a test, so that no two of them build in one folder at once.
@pytest.mark.parametrize(
    "name, entry, elsewhere, said",
    [
        ("mine-glibc", "both", ["FIRMWARE=uefi"], r"BdsDxe: starting "),
        ("mine-musl", "int", ["EMULATOR=bochs", "SMP=2"], r"smp: +2 of 2 CPUs online"),
        ("mine-pie", "syscall", ["SMP=64"], r"smp: +64 of 64 CPUs online"),
    ],
    ids=["both", "int", "syscall"],
)
def test_own_program_runs_with_its_arguments_and_hands_out_its_status(
    programs, name, entry, elsewhere, said
):
    run = ["run", f"PROG={programs / name}", f"ENTRY={entry}"]
    done = make(*run, """ARGS=one "two words" 'a;b $HOME' 0""")
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("sum 6000, turns 1000", "argument 1: [one]", "argument 2: [two words]",
                 "argument 3: [a;b $HOME]", "argument 4: [0]", "to standard error"):  # fmt: skip
        assert line in done.stdout.replace("\r", "").splitlines(), done.stdout

    done = make(*run, "ARGS=5")
    assert done.returncode == 2 and "Error 5" in done.stderr, done.stderr
    done = make(*run, "ARGS=abort")
    assert done.returncode == 2 and f"Error {128 + 6}" in done.stderr, done.stderr

    done = make(*run, *elsewhere, "ARGS=elsewhere 7")
    assert done.returncode == 2 and "Error 7" in done.stderr, done.stdout + done.stderr
    assert "argument 1: [elsewhere]" in done.stdout.replace("\r", "").splitlines(), done.stdout
    assert re.search(said, done.stdout), done.stdout


@pytest.mark.large
@pytest.mark.parametrize("machine", [["EMULATOR=bochs"], ["FIRMWARE=uefi"], ["SMP=64"]], ids=" ".join)
def test_demo_ends_with_status_0_in_the_time_that_make_run_gives_it(machine):
    done = make("run", *machine)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^ +0  int 0x80 +[\d,]+ ", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^[\d,]+ calls, 0 errors\r?$", done.stdout, re.MULTILINE), done.stdout
