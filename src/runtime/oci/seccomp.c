/* The filter of system calls that every container gets: what containerd 1.6 has as its default
 * profile (contrib/seccomp). All that is not named fails with EPERM, so that a program takes it for
 * forbidden. Names that an OCI runtime's libseccomp does not know are passed over by it. */
#include <errno.h>
#include <linux/sched.h>

#include "base/base.h"
#include "model/capability.h"
#include "runtime/oci/private.h"

#define ALLOW "SCMP_ACT_ALLOW"
#define DENY  "SCMP_ACT_ERRNO"

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWCGROUP)

/* Names are separated by spaces. */
static const char *const always[] = {
	/* files */
	"access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 "
	"faccessat faccessat2 fadvise64 fallocate fanotify_mark fchdir fchmod fchmodat "
	"fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr "
	"fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr "
	"inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl "
	"io_destroy io_getevents io_pgetevents ioprio_get ioprio_set io_setup io_submit "
	"io_uring_enter io_uring_register io_uring_setup landlock_add_rule "
	"landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat "
	"listxattr llistxattr lremovexattr lseek lsetxattr lstat mkdir mkdirat mknod "
	"mknodat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev "
	"pwritev2 read readahead readlink readlinkat readv removexattr rename renameat "
	"renameat2 rmdir sendfile setxattr splice stat statfs statx symlink symlinkat sync "
	"sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes "
	"vmsplice write writev",
	/* memory */
	"brk madvise membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall "
	"mmap mprotect mremap msync munlock munlockall munmap pkey_alloc pkey_free "
	"pkey_mprotect remap_file_pages",
	/* network, pipes, queues */
	"accept accept4 bind connect epoll_create epoll_create1 epoll_ctl epoll_pwait "
	"epoll_pwait2 epoll_wait eventfd eventfd2 getpeername getsockname getsockopt listen "
	"mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl "
	"msgget msgrcv msgsnd pipe pipe2 poll ppoll pselect6 recvfrom recvmmsg recvmsg "
	"select semctl semget semop semtimedop sendmmsg sendmsg sendto setsockopt shmat "
	"shmctl shmdt shmget shutdown socket socketpair",
	/* time */
	"adjtimex alarm clock_adjtime clock_getres clock_gettime clock_nanosleep getitimer "
	"gettimeofday nanosleep setitimer time timer_create timer_delete timer_getoverrun "
	"timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times",
	/* processes, users, signals, limits */
	"capget capset execve execveat exit exit_group fork futex futex_waitv getcpu "
	"getegid geteuid getgid getgroups getpgid getpgrp getpid getppid "
	"getpriority getrandom getresgid getresuid getrlimit get_robust_list getrusage "
	"get_thread_area gettid getuid kill pause pidfd_open pidfd_send_signal prctl "
	"prlimit64 process_mrelease restart_syscall rseq rt_sigaction rt_sigpending "
	"rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
	"rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam "
	"sched_get_priority_max sched_get_priority_min sched_getscheduler "
	"sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam "
	"sched_setscheduler sched_yield seccomp setfsgid setfsuid setgid setgroups setpgid "
	"setpriority setregid setresgid setresuid setreuid setrlimit set_robust_list setsid "
	"set_thread_area set_tid_address setuid sigaltstack signalfd signalfd4 sysinfo "
	"tgkill tkill uname vfork wait4 waitid",
	/* forms of 32 bits */
	"chown32 clock_adjtime64 clock_getres_time64 clock_gettime64 clock_nanosleep_time64 "
	"epoll_ctl_old epoll_wait_old fadvise64_64 fchown32 fcntl64 fstat64 fstatat64 "
	"fstatfs64 ftruncate64 futex_time64 getegid32 geteuid32 getgid32 getgroups32 "
	"getresgid32 getresuid32 getsid getuid32 io_pgetevents_time64 ipc lchown32 _llseek "
	"lstat64 mmap2 mq_timedreceive_time64 mq_timedsend_time64 _newselect ppoll_time64 "
	"pselect6_time64 recv recvmmsg_time64 rt_sigtimedwait_time64 "
	"sched_rr_get_interval_time64 semtimedop_time64 send sendfile64 setfsgid32 "
	"setfsuid32 setgid32 setgroups32 setregid32 setresgid32 setresuid32 setreuid32 "
	"setuid32 sigprocmask sigreturn socketcall stat64 statfs64 timer_gettime64 "
	"timer_settime64 timerfd_gettime64 timerfd_settime64 truncate64 ugetrlimit "
	"utimensat_time64 waitpid",
	/* harmless since Linux 4.8 */
	"ptrace",
};

/* Of other processors, too: programs of theirs may run here. Each costs a third of the time in which
 * runc makes the filter, so x32 is left out where the kernel has it not, as most have. */
static const struct arch {
	const char *name;
	const char *arches;
	const char *calls;
} arches[] = {
	{ "amd64", "SCMP_ARCH_X86_64 SCMP_ARCH_X86", "arch_prctl modify_ldt" },
	{ "arm64", "SCMP_ARCH_ARM SCMP_ARCH_AARCH64",
	  "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls" },
};

/* What a capability is good for only with these. */
static const struct {
	const char *capability;
	const char *calls;
} with_capability[] = {
	{ "CAP_DAC_READ_SEARCH", "open_by_handle_at" },
	{ "CAP_SYS_ADMIN",
	  "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount "
	  "mount_setattr move_mount name_to_handle_at open_tree perf_event_open quotactl "
	  "quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare" },
	{ "CAP_SYS_BOOT", "reboot" },
	{ "CAP_SYS_CHROOT", "chroot" },
	{ "CAP_SYS_MODULE", "delete_module init_module finit_module" },
	{ "CAP_SYS_PACCT", "acct" },
	{ "CAP_SYS_PTRACE",
	  "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace" },
	{ "CAP_SYS_RAWIO", "iopl ioperm" },
	{ "CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64" },
	{ "CAP_SYS_TTY_CONFIG", "vhangup" },
	{ "CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy" },
	{ "CAP_SYSLOG", "syslog" },
	{ "CAP_BPF", "bpf" },
	{ "CAP_PERFMON", "perf_event_open" },
};

/* Linux, 32-bit Linux, both without address space randomization's exceptions, and the question
 * which one it is (personality(2)). */
static const int64_t personalities[] = { 0x0, 0x8, 0x20000, 0x20008, 0xffffffff };

static void put_names(struct json_out *out, const char *calls, const char *action)
{
	auto_strv struct strv names = { 0 };

	strv_split(&names, calls, " ");
	json_out_object(out, NULL);
	json_out_strv(out, "names", &names);
	json_out_str(out, "action", action);
}

static void put_calls(struct json_out *out, const char *calls)
{
	put_names(out, calls, ALLOW);
	json_out_object_end(out);
}

/* The first argument, as far as it is in the mask (0: all of it), has to be the value. */
static void put_if(struct json_out *out, const char *call, int64_t mask, int64_t value)
{
	put_names(out, call, ALLOW);
	json_out_array(out, "args");
	json_out_object(out, NULL);
	json_out_int(out, "index", 0);
	json_out_int(out, "value", mask ? mask : value);
	if (mask)
		json_out_int(out, "valueTwo", value);
	json_out_str(out, "op", mask ? "SCMP_CMP_MASKED_EQ" : "SCMP_CMP_EQ");
	json_out_object_end(out);
	json_out_array_end(out);
	json_out_object_end(out);
}

/* Processes of the same namespaces only. clone3 keeps its flags in memory, where a filter cannot see
 * them: libc takes "no such call" for a reason to use clone. */
static void put_clone(struct json_out *out)
{
	put_if(out, "clone", NAMESPACES, 0);
	put_names(out, "clone3", DENY);
	json_out_int(out, "errnoRet", ENOSYS);
	json_out_object_end(out);
}

static void put_list(const struct spec_ctx *ctx, const struct arch *arch)
{
	struct json_out *out = ctx->out;

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		put_calls(out, always[i]);
	put_calls(out, arch->calls);
	for (size_t i = 0; i < ARRAY_LEN(personalities); i++)
		put_if(out, "personality", 0, personalities[i]);
	for (size_t i = 0; i < ARRAY_LEN(with_capability); i++)
		if (ctx->capabilities & capability_parse(with_capability[i].capability))
			put_calls(out, with_capability[i].calls);
	if (!(ctx->capabilities & capability_parse("CAP_SYS_ADMIN")))
		put_clone(out);
}

void spec_put_seccomp(const struct spec_ctx *ctx)
{
	const struct spec_host *host = ctx->host;

	if (!host->has_seccomp || ctx->spec->is_privileged ||
	    ctx->container->seccomp == SECCOMP_UNCONFINED)
		return;
	for (size_t i = 0; i < ARRAY_LEN(arches); i++) {
		auto_strv struct strv names = { 0 };

		if (!str_eq(arches[i].name, host->arch))
			continue;
		strv_split(&names, arches[i].arches, " ");
		if (host->has_x32)
			strv_add(&names, "SCMP_ARCH_X32");
		json_out_object(ctx->out, "seccomp");
		json_out_str(ctx->out, "defaultAction", DENY);
		json_out_strv(ctx->out, "architectures", &names);
		json_out_array(ctx->out, "syscalls");
		put_list(ctx, &arches[i]);
		json_out_array_end(ctx->out);
		json_out_object_end(ctx->out);
	}
}
