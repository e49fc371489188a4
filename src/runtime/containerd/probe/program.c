/* The only program of the test image: without libc, so that it needs nothing but a kernel.
 *
 *     program        tries its network, waits for SIGTERM, and tells by its exit code what it found
 *     program exec   ends at once, with a code of its own
 */
#include <linux/in.h>
#include <linux/time_types.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "runtime/containerd/probe/probe.h"

#define AF_INET     2
#define SOCK_STREAM 1
#define SIG_BLOCK   0
#define SIGTERM     15
#define WAIT_S      30
#define LOCALHOST   0x0100007f /* 127.0.0.1 in network order, on little-endian machines */

struct call {
	long number;
	long a, b, c, d;
};

static long call(struct call call)
{
#if defined(__x86_64__)
	long result;
	register long d __asm__("r10") = call.d;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(call.number), "D"(call.a), "S"(call.b), "d"(call.c), "r"(d)
			 : "rcx", "r11", "memory");
	return result;
#else
	register long number __asm__("x8") = call.number;
	register long a __asm__("x0") = call.a;
	register long b __asm__("x1") = call.b;
	register long c __asm__("x2") = call.c;
	register long d __asm__("x3") = call.d;

	__asm__ volatile("svc 0" : "+r"(a) : "r"(number), "r"(b), "r"(c), "r"(d) : "memory");
	return a;
#endif
}

#define CALL(...) call((struct call){ __VA_ARGS__ })

/* A connection over the loopback device, and a byte that arrives: 0 if all of it worked. */
static long try_network(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { LOCALHOST } };
	uint32_t len = sizeof(at);
	char byte = 'x';
	long server = CALL(SYS_socket, AF_INET, SOCK_STREAM);
	long client = CALL(SYS_socket, AF_INET, SOCK_STREAM);
	long r = CALL(SYS_bind, server, (long)&at, sizeof(at));

	r = r ? r : CALL(SYS_listen, server, 1);
	r = r ? r : CALL(SYS_getsockname, server, (long)&at, (long)&len);
	r = r ? r : CALL(SYS_connect, client, (long)&at, sizeof(at));
	if (r)
		return r;
	long peer = CALL(SYS_accept4, server);
	r = CALL(SYS_write, client, (long)&byte, 1);
	byte = 0;
	if (peer < 0 || r != 1)
		return -1;
	return CALL(SYS_read, peer, (long)&byte, 1) == 1 && byte == 'x' ? 0 : -1;
}

__attribute__((used, noreturn)) static void run(const long *stack)
{
	uint64_t signals = 1u << (SIGTERM - 1);
	struct __kernel_timespec wait = { .tv_sec = WAIT_S };
	long code = PROBE_EXEC_CODE;

	if (stack[0] < 2) {
		CALL(SYS_rt_sigprocmask, SIG_BLOCK, (long)&signals, 0, sizeof(signals));
		code = try_network() ? PROBE_LONELY_CODE : PROBE_EXIT_CODE;
		CALL(SYS_rt_sigtimedwait, (long)&signals, 0, (long)&wait, sizeof(signals));
	}
	for (;;)
		CALL(SYS_exit_group, code);
}

/* The kernel leaves the number of words on the stack, and the words behind it. */
#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall run\n");
#else
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl run\n");
#endif
