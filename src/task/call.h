/* What a call, or the end of a thread, keeps in the thread between two pieces (sched_go_on). */
#pragma once

#include "cpu/clock.h"
#include "mm/changes.h"
#include "task/image.h"
#include "task/process.h"
#include "task/robust.h"

/* clone(2) and clone3(2): what is asked for, checked by the caller. */
struct clone_request {
    uint64_t flags;
    uint64_t stack; /* initial rsp; 0: the parent's */
    uint64_t tls;
    user_addr_t parent_tid, child_tid;
};

struct clone_call {
    struct clone_request request;
    struct process *child; /* half made: nobody else knows of it */
    uint64_t copied;       /* space_copy's */
    bool put;              /* the child's space has no user any more, and is being torn down */
    int error;             /* what it has failed with, and is undone for */
};

struct exec_call {
    struct image image;
    struct space *unused; /* the image's, while it is nobody's; later the old one */
    bool put;             /* it has no user any more, and is being torn down */
    int error;
    enum { EXEC_BUILD, EXEC_LEAVE_ALONE, EXEC_DROP } stage;
    char name[PROCESS_NAME];
};

/* The stages of a thread's end and, if it is the last one, its process's: exit.c. */
struct end_call {
    struct robust_walk robust;
    struct space *space; /* being torn down */
    int others_told;     /* by the end of init: the last id that was looked at */
};

/* Bytes on their way between an open file and ring 3. */
struct transfer {
    int fd;
    struct file *file; /* what that was at first, to compare with; no reference. NULL: getrandom */
    bool writing, positioned;
    user_addr_t vector; /* of the parts that are to come */
    unsigned long parts;
    user_addr_t buffer; /* what is left of the part at hand */
    size_t left;
    uint64_t offset; /* in a file */
    long done;
};

/* FUTEX_WAKE and the requeues. */
struct futex_call {
    user_addr_t address, target;
    unsigned wake, requeue; /* how many it may yet */
    unsigned done;          /* so far */
    uint32_t bits;
    uint64_t ticket; /* where it goes on */
    uint64_t end;    /* who came later than the call is none of its business */
};

/* sched_setaffinity of a thread that runs elsewhere. */
struct affinity_call {
    int tid;
    struct patience patience;
};

union call {
    struct space_change change; /* memory_calls.c */
    struct transfer transfer;   /* transfer_calls.c */
    struct futex_call futex;
    struct affinity_call affinity;
    struct clone_call clone;
    struct exec_call exec;
    struct end_call end;
};
