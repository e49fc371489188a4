/* holm-shim with a script as its OCI runtime, its client, and what containerd is told. All waiting has a
 * deadline. */
#ifndef HOLM_TESTS_SHIM_KIT_H
#define HOLM_TESTS_SHIM_KIT_H

#include <sys/types.h>

#include "base/base.h"
#include "peer.h"

#define KIT_ID       "0123456789abcdef01234567"
#define KIT_TEXT_MAX 65536

#define S(text) ((char *)(uintptr_t)(text))

/* The script's ways, by files in the bundle:
 *   words       what it was called with, a line each, from the command on
 *   hold-CMD    a FIFO: it waits before it does CMD until kit_release()
 *   after-CMD   the same behind create and exec; the process's number is in pid-CMD
 *   fail-CMD    it does not do CMD, for this reason
 *   begin       a FIFO: what is created begins when it is started, else at once
 *   run-create  and run-exec: shell scripts, the programs; at first they sleep
 *   no-terminal it sends none
 *   ps          what it prints when it is asked for processes
 *   updated     what it was given to update */
struct kit {
	char dir[64];
	char *bundle;
	char *socket;
	char *program; /* the OCI runtime */
	pid_t shim;    /* 0: it has ended */
	struct peer peer;
	int listener;  /* of events */
	int events;    /* their connection, -1 */
	char why[256]; /* of the last answer */
};

int kit_setup(void **state);
int kit_teardown(void **state);
#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

char *kit_path(const struct kit *k, const char *name); /* in the bundle; the caller's */
void kit_add_file(const struct kit *k, const char *name, const char *text);
void kit_add_fifo(const struct kit *k, const char *name);
void kit_remove(const struct kit *k, const char *name);
char *kit_text(const struct kit *k, const char *name);
/* All of the file, which may still be on its way. */
void kit_await_text(const struct kit *k, const char *name, const char *wanted);
void kit_assert_words(const struct kit *k, const char *line); /* the last */
/* A program's name decides about some ways. */
void kit_use_program(struct kit *k, const char *name);

/* The script waits in this FIFO; what lets it go on, and closes it: once, for who opens it a second time may
 * still meet the first. */
int kit_reach(const struct kit *k, const char *name);
void kit_release(int take_fd, const char *text);

/* The process that the script has started, which reads `status` from "go", ends before the script does. */
void kit_end_before_script(const struct kit *k, const char *command, const char *status);

/* Codes of answers, of one that failed `why`. */
uint32_t kit_send(struct kit *k, const char *method, const char *exec_id);
int kit_code(struct kit *k, uint32_t stream);
int kit_ask(struct kit *k, const char *method, const char *exec_id);
uint32_t kit_send_kill(struct kit *k, const char *exec_id, int sig, bool is_all);
int kit_kill(struct kit *k, const char *exec_id, int sig);
/* NULL: nothing to be read or written. */
uint32_t kit_send_create(struct kit *k, const Task__CreateRequest *m);
int kit_create_with(struct kit *k, const Task__CreateRequest *m, pid_t *ret);
pid_t kit_create(struct kit *k);
int kit_exec_with(struct kit *k, const Task__ExecRequest *m);
pid_t kit_started_exec(struct kit *k, const char *exec_id, uint32_t stream);
pid_t kit_start_exec(struct kit *k, const char *exec_id);
/* The container's process runs, and containerd has been told so. */
pid_t kit_run(struct kit *k);
/* Of what runs; ended, deleted, and the shim has ended, too, well. */
void kit_finish(struct kit *k);
void kit_shut_down(struct kit *k);
/* The connection of the client, again. */
void kit_reconnect(struct kit *k);

Task__StateResponse *kit_state(struct kit *k, const char *exec_id); /* the caller's */
void kit_assert_state(struct kit *k, const char *exec_id, int state);
uint32_t kit_wait(struct kit *k, const char *exec_id); /* exit status */
uint32_t kit_wait_answer(struct kit *k, uint32_t stream);
void kit_await_no_children(const struct kit *k); /* of the shim */
void kit_await_gone(pid_t pid);                  /* and collected by its parent */

/* The next event, as "start PID", "exit ID PID STATUS", "delete PID STATUS", "exec-added ID PID", … */
void kit_assert_event(struct kit *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Whatever there is, until the shim closes its connection. */
void kit_drain_events(struct kit *k);

#endif
