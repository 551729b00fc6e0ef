/* The one table behind both doors, and the calls that stand in it, by family. Numbers and meanings
 * are Linux's x86-64 ABI; what a call returns is what its manual page in section 2 says, or a
 * negative errno. */
#pragma once

#include "mm/usercopy.h"

/* Numbers 0 .. SYSCALL_COUNT - 1 are looked up; others, but for our own (sys/lab_abi.h), are -ENOSYS
 * without a look. */
#define SYSCALL_COUNT 462 /* as far as the numbers that Linux had given out by 6.7 go */

/* A number of the table's that has no call, or one beyond it: -ENOSYS, and a line in the log the
 * first time. */
long sys_unimplemented(void);
long sys_beyond_table(void);

/* Of a number of the table's, as Linux names it. */
const char *syscall_name(uint32_t number);

/* transfer_calls.c, file_calls.c, path_calls.c */
long sys_read(int fd, user_addr_t buffer, size_t count);
long sys_write(int fd, user_addr_t buffer, size_t count);
long sys_readv(int fd, user_addr_t vector, unsigned long count);
long sys_writev(int fd, user_addr_t vector, unsigned long count);
long sys_pread64(int fd, user_addr_t buffer, size_t count, int64_t position);
long sys_open(user_addr_t path, uint32_t flags);
long sys_openat(int dirfd, user_addr_t path, uint32_t flags);
long sys_close(int fd);
long sys_stat(user_addr_t path, user_addr_t out);
long sys_lstat(user_addr_t path, user_addr_t out);
long sys_fstat(int fd, user_addr_t out);
long sys_newfstatat(int dirfd, user_addr_t path, user_addr_t out, uint32_t flags);
long sys_lseek(int fd, int64_t offset, uint32_t whence);
long sys_ioctl(int fd, uint32_t request, user_addr_t argument);
long sys_fcntl(int fd, uint32_t command, uint64_t argument);
long sys_access(user_addr_t path, uint32_t mode);
long sys_readlink(user_addr_t path, user_addr_t buffer, int size);
long sys_readlinkat(int dirfd, user_addr_t path, user_addr_t buffer, int size);
long sys_getcwd(user_addr_t buffer, size_t size);

/* memory_calls.c */
long sys_mmap(uint64_t address, uint64_t length, uint64_t prot, uint64_t flags, int fd,
              uint64_t offset);
long sys_munmap(uint64_t address, uint64_t length);
long sys_mprotect(uint64_t address, uint64_t length, uint64_t prot);
long sys_madvise(uint64_t address, uint64_t length, int advice);
long sys_mremap(uint64_t old, uint64_t old_length, uint64_t new_length, uint64_t flags,
                uint64_t new_address);
long sys_brk(uint64_t brk);

/* time_calls.c */
long sys_nanosleep(user_addr_t request, user_addr_t remaining);
long sys_clock_nanosleep(int clock, int flags, user_addr_t request, user_addr_t remaining);
long sys_clock_gettime(int clock, user_addr_t out);
long sys_clock_getres(int clock, user_addr_t out);
long sys_gettimeofday(user_addr_t time, user_addr_t zone);
long sys_time(user_addr_t out);
long sys_futex(user_addr_t address, int op, uint32_t value, user_addr_t timeout,
               user_addr_t address2, uint32_t value3);

/* thread_calls.c */
long sys_getpid(void);
long sys_gettid(void);
long sys_getppid(void);
long sys_zero_id(void); /* getuid, geteuid, getgid, getegid: all is root's */
long sys_sched_yield(void);
long sys_sched_setaffinity(int tid, uint32_t size, user_addr_t mask);
long sys_sched_getaffinity(int tid, uint32_t size, user_addr_t mask);
long sys_getcpu(user_addr_t cpu, user_addr_t node);
long sys_set_tid_address(user_addr_t address);
long sys_set_robust_list(user_addr_t head, size_t size);
long sys_arch_prctl(int code, uint64_t address);
long sys_rt_sigaction(int signal, user_addr_t new, user_addr_t old, size_t size);
long sys_rt_sigprocmask(int how, user_addr_t new, user_addr_t old, size_t size);
long sys_pause(void);
long sys_kill(int pid, int signal);
long sys_tkill(int tid, int signal);
long sys_tgkill(int tgid, int tid, int signal);

/* process_calls.c */
long sys_clone(uint64_t flags, uint64_t stack, user_addr_t parent_tid, user_addr_t child_tid,
               uint64_t tls);
long sys_clone3(user_addr_t user, size_t size);
long sys_fork(void);
long sys_vfork(void);
long sys_execve(user_addr_t path, user_addr_t argv, user_addr_t envp);
long sys_exit(int status);
long sys_exit_group(int status);
long sys_wait4(int pid, user_addr_t status, int options, user_addr_t usage);
long sys_uname(user_addr_t out);
long sys_sysinfo(user_addr_t out);
long sys_prlimit64(int pid, uint32_t resource, user_addr_t new, user_addr_t old);
long sys_getrandom(user_addr_t buffer, size_t size, uint32_t flags);

/* power_calls.c */
long sys_reboot(uint32_t magic1, uint32_t magic2, uint32_t command);
