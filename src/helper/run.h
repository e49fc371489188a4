/* `holm-helper run KEY=VALUE… -- PROGRAM ARGUMENT…`: the supervisor of one virtual machine.
 *
 *   dir=DIR         the instance's folder; the program works in DIR/vm
 *   log=MAX:PATH    where standard output and error go, see log_file.h
 *   uid=N gid=N     the program runs as these; 0: as we do
 *   group=N         a supplementary group it keeps (the one of /dev/kvm)
 *   cgroup=PATH     the control group it joins, below
 *   cgroup_root=DIR (/sys/fs/cgroup unless told)
 *   jail=1          it gets namespaces of its own and sees no files but its folder, as /vm, and what it
 *                   is made of (helper/jail.h)
 *   device=PATH     a device that it may open there
 *   share=MODE:DIR  a folder that it may use, "ro" or "rw", as descriptor 16 and on; any number up to
 *                   16, in this order
 *   events=1        it is QEMU, and has a monitor on descriptor 8 (helper/events.h)
 *   timeout_ms=N    it is killed then
 *   nice=N          it and we run with this nice value, as far as we may
 *
 * Descriptor 3 is a lock that tells that we live, and stays ours; the ones from 4 on are the
 * program's. In DIR it leaves `helper.pid` and `vm.pid` (base/proc.h) as soon as these run,
 * `spoken` with the first byte of standard output that is text, and `exit` (exit_record.h) as its last
 * act. What is written to the FIFO `in` is the program's input, which has no end; who connects to the
 * socket `attach` gets its output as it is (audience.h). If it is killed the program goes on, without
 * a log. */
#ifndef HOLM_HELPER_RUN_H
#define HOLM_HELPER_RUN_H

#include "base/base.h"
#include "helper/share.h"

#define RUN_SOCKET "attach"

struct run_options {
	const char *dir;
	uint64_t log_max;
	const char *log_path;
	uint32_t uid;
	uint32_t gid;
	uint32_t group;
	const char *cgroup; /* or NULL */
	const char *cgroup_root;
	const char *device; /* or NULL */
	uint32_t is_jailed;
	uint32_t has_events;
	uint32_t timeout_ms;
	uint32_t nice;
	struct share shares[SHARES_MAX];
	size_t n_shares;
	char **argv; /* the program's */
};

/* Words behind "run"; -EINVAL. */
int run_options_parse(char **words, struct run_options *ret, struct err *err);

/* Exit code of the process. */
int run_main(char **words);

#endif
