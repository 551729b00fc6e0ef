// Starting programs and waiting for them: what execve passes on, what wait4 tells, and in which
// order parent and child run. Starts itself as the child, which its second argument tells what to
// do.

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spawn.h"

enum { MOST = 4096, LONG = 120000 };

static char *self;
static char many_words[100][64], most_words[MOST][16], *most[MOST + 1], long_word[LONG + 1];

static bool all_are_right(char *const words[], int count)
{
    char expected[16];

    for (int i = 0; i < count; i++) {
        snprintf(expected, sizeof(expected), "word=%d", i);
        if (!words[i] || strcmp(words[i], expected) != 0)
            return false;
    }
    return !words[count];
}

/* The child, a program of its own: its status says whether it found what it should. */
static int child(int argc, char *argv[])
{
    const char *task = argv[1];

    if (strcmp(task, "exit") == 0)
        return atoi(argv[2]);
    if (strcmp(task, "words") == 0)
        return argc == 5 && !*argv[2] && !strcmp(argv[3], "two words") && !argv[5] ? 33 : 1;
    if (strcmp(task, "environment") == 0)
        return getenv("A") && !strcmp(getenv("A"), "1") && getenv("B") && !*getenv("B") &&
                       !getenv("HOME")
                   ? 33
                   : 1;
    if (strcmp(task, "parent") == 0)
        return getppid() == atoi(argv[2]) && getpid() != getppid() ? 33 : 1;
    if (strcmp(task, "many") == 0) {
        for (int i = 2; i < 102; i++)
            if (argc != 102 || strspn(argv[i], "x") != (size_t)(i - 2) % 60 + 3)
                return 1;
        return 33;
    }
    if (strcmp(task, "most") == 0)
        return argc == MOST && all_are_right(argv + 2, MOST - 2) && all_are_right(environ, MOST)
                   ? 33
                   : 1;
    if (strcmp(task, "long") == 0)
        return argc == 4 && strspn(argv[2], "y") == LONG && !argv[2][LONG] && !strcmp(argv[3], "z")
                   ? 33
                   : 1;
    if (strcmp(task, "mask") == 0) {
        unsigned long mask = 0;

        sys(rt_sigprocmask, 0, NULL, &mask, 8);
        return mask == 1UL << (SIGUSR1 - 1) ? 33 : 1;
    }
    if (strcmp(task, "sleep") == 0)
        return sys(nanosleep, (&(struct timespec){0, 50000000}), NULL) == 0 ? 33 : 1;
    if (strcmp(task, "die") == 0)
        return (int)sys(tgkill, getpid(), getpid(), atoi(argv[2]));
    if (strcmp(task, "again") == 0)
        execve(self, (char *[]){self, "exit", "34", NULL}, (char *[]){NULL});
    return 1;
}

/* The wait status of this program run with those arguments. */
static int status_of(char *a, char *b, char *c, char *d)
{
    int status = -1;
    long pid = spawn(self, (char *[]){self, a, b, c, d, NULL}, (char *[]){"A=1", "B=", NULL});

    return pid > 0 && sys(wait4, pid, &status, 0, NULL) == pid ? status : -1;
}

static void test_statuses(void)
{
    is(status_of("exit", "0", NULL, NULL), 0, "a program that exits with 0 has status 0");
    is(status_of("exit", "42", NULL, NULL), 42 << 8, "an exit code is bits 15:8 of the status");
    is(status_of("exit", "300", NULL, NULL), (300 & 255) << 8, "an exit code has eight bits");
    is(status_of("exit", "-1", NULL, NULL), 255 << 8, "exit code -1 is 255");
    is(status_of("die", "9", NULL, NULL) & 127, SIGKILL, "a killed program's status is its signal");
    is(status_of("die", "15", NULL, NULL) & 127, SIGTERM, "so it is with SIGTERM");
}

static void test_what_is_passed(void)
{
    char *argv[103] = {self, "many"}, pid[16];
    int status = -1;
    long child_pid;

    snprintf(pid, sizeof(pid), "%d", getpid());
    is(status_of("parent", pid, NULL, NULL), 33 << 8, "a child's parent is who started it");
    is(status_of("words", "", "two words", "x"), 33 << 8, "arguments arrive as they were given");
    is(status_of("environment", NULL, NULL, NULL), 33 << 8, "the environment arrives as given");
    is(status_of("again", NULL, NULL, NULL), 34 << 8, "a program can become another in place");
    for (int i = 0; i < 100; i++)
        argv[i + 2] = memset(many_words[i], 'x', (size_t)i % 60 + 3);
    child_pid = spawn(self, argv, (char *[]){NULL});
    sys(wait4, child_pid, &status, 0, NULL);
    is(status, 33 << 8, "a hundred arguments arrive");
    sys(rt_sigprocmask, SIG_SETMASK, (&(unsigned long){1UL << (SIGUSR1 - 1)}), NULL, 8);
    is(status_of("mask", NULL, NULL, NULL), 33 << 8, "the signal mask passes to a new program");
    sys(rt_sigprocmask, SIG_SETMASK, (&(unsigned long){0}), NULL, 8);
}

/* The wait status of this program with those arguments and that environment, or an errno. */
static long status_with(char *const argv[], char *const envp[])
{
    int status = -1;
    long pid = spawn(self, argv, envp);

    return pid < 0 ? pid : sys(wait4, pid, &status, 0, NULL) == pid ? status : -1;
}

static void test_the_most(void)
{
    static char *argv[MOST + 2];

    argv[0] = self;
    argv[1] = "most";
    for (int i = 0; i < MOST; i++) {
        snprintf(most_words[i], sizeof(most_words[i]), "word=%d", i);
        most[i] = most_words[i];
        if (i < MOST - 2)
            argv[i + 2] = most[i];
    }
    is(status_with(argv, most), 33 << 8, "4,096 arguments and as much environment arrive");
    if (on_sallyport()) {
        argv[MOST] = self;
        is(status_with(argv, most), -E2BIG, "4,097 arguments are too many");
    } else {
        skip("4,097 arguments are too many", "Linux takes more");
    }
    memset(long_word, 'y', LONG);
    is(status_of("long", long_word, "z", NULL), 33 << 8, "a word of 120,000 bytes arrives");
}

static void test_waiting(void)
{
    char *sleeper[] = {self, "sleep", NULL}, *quick[] = {self, "exit", "7", NULL};
    char *none[] = {NULL};
    long first = spawn(self, sleeper, none), second, got, third;
    int status = -1, usage[36];

    is(sys(wait4, first, &status, WNOHANG, NULL), 0, "WNOHANG is 0 while the child runs");
    second = spawn(self, quick, none);
    ok(first > 0 && second > 0 && first != second, "children have ids of their own");
    is(sys(wait4, second, &status, 0, NULL), second, "wait4 waits for the child it names");
    is(status, 7 << 8, "wait4 tells that child's status");
    is(sys(wait4, -1, &status, 0, usage), first, "wait4 of -1 takes the one that is left");
    is(status, 33 << 8, "a child that slept has its own status");
    is(sys(wait4, first, &status, 0, NULL), -ECHILD, "a child is waited for once");
    third = spawn(self, quick, none);
    is(sys(wait4, third, NULL, 0, NULL), third, "wait4 needs no status");
    third = spawn(self, quick, none);
    is(sys(wait4, 0, &status, 0, NULL), third, "wait4 of 0 takes a child of our group");
    third = spawn(self, quick, none);
    sys(nanosleep, (&(struct timespec){0, 50000000}), NULL);
    is(sys(wait4, third, &status, 0, NULL), third, "a child that ended long ago still waits");
    got = spawn("/no/such/program", quick, none);
    is(got, -ENOENT, "a program that is not there cannot start");
    is(sys(wait4, -1, NULL, 0, NULL), -ECHILD, "a start that failed leaves no child");
}

int main(int argc, char *argv[])
{
    self = argv[0];
    if (argc > 1)
        return child(argc, argv);
    plan(27);
    test_statuses();
    test_what_is_passed();
    test_the_most();
    test_waiting();
    return done();
}
