/* Opening the two doors on a CPU. */
#pragma once

#include <stdint.h>

#if !defined(ENTRY_INT) || !defined(ENTRY_SYSCALL) || !(ENTRY_INT || ENTRY_SYSCALL)
#error "the build says which doors are open: -DENTRY_INT=0|1 -DENTRY_SYSCALL=0|1, at least one 1"
#endif

#if ENTRY_INT && ENTRY_SYSCALL
#define ENTRY_NAME "both"
#elif ENTRY_INT
#define ENTRY_NAME "int"
#else
#define ENTRY_NAME "syscall"
#endif

/* Sets up syscall on the calling CPU, or keeps it shut. The gate of int 0x80 is the IDT's, one for
 * all CPUs: idt_open_door. */
void doors_open(void);

/* Where syscall leads, on every CPU but one in whose door the lab has a stub: what LSTAR holds. */
uint64_t door_syscall_entry(void);
