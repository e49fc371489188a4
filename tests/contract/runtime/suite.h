/* The contract of struct runtime_driver as tests, run for one driver by its own program. */
#ifndef HOLM_TESTS_CONTRACT_RUNTIME_SUITE_H
#define HOLM_TESTS_CONTRACT_RUNTIME_SUITE_H

#include "base/base.h"
#include "loop/loop.h"
#include "runtime/runtime.h"

/* What an instance shall do; each driver has its own words for it. */
enum program {
	PROGRAM_IDLE,   /* nothing, until it is asked to end, which it does at once */
	PROGRAM_DEAF,   /* the same, but ignores the stop signal */
	PROGRAM_CLEAN,  /* end at once with success */
	PROGRAM_THREE,  /* end with exit code 3 */
	PROGRAM_HOG,    /* take memory without end */
	PROGRAM_SPIN,   /* use one processor without end */
	PROGRAM_HELLO,  /* print "hello" to its output, then idle */
	PROGRAM_ABSENT, /* something that cannot be started */
	PROGRAM_N,
};

struct subject {
	const char *name;
	const struct runtime_driver *driver;
	struct runtime_config config;
	const char *runtime; /* sub-runtime; NULL: docker */
	const char *image;
	char digest[DIGEST_SIZE]; /* of the image; "sha256:test" where the driver does not look */
	/* Fills the command for a program; false if the driver has no such thing. */
	bool (*command)(enum program program, struct strv *ret);
	/* Fails the test if the host still has something of an instance that was removed. */
	void (*check_gone)(const struct subject *subject, const char *instance_id);
	/* Simulated instances have no processes: this ends one as its program would. Else NULL. */
	void (*end)(const struct subject *subject, const char *instance_id, enum runtime_end end);
	/* Only what depends on the guest: how it boots, speaks, is found again and ends. */
	bool is_another_guest;
	bool has_no_stop_signal; /* nothing can be deaf to it, and there is no grace to wait for */
	void *state;             /* of the driver, open between the tests */
	char *log_dir;
};

/* Runs every test, then the driver's own; the number of failed ones. */
struct CMUnitTest;
int suite_run(struct subject *subject, const struct CMUnitTest *own, size_t n_own);

/* For the drivers' own tests: a spec with storage of its own. */
struct instance {
	char id[ID_SIZE];
	char *log_path;
	struct strv cmd;
	struct strv env;
	struct runtime_spec spec;
};
void instance_init(struct instance *i, const struct subject *subject, enum program program);
void instance_fini(struct instance *i);
/* Fails the test with the error's text. */
void must(int r, const struct err *err);
void start(const struct subject *subject, struct instance *i, struct runtime_status *ret);
void stop(const struct subject *subject, const struct instance *i, struct runtime_status *ret);
/* Waits for its end and lists it. */
void wait_ended(const struct subject *subject, const struct instance *i,
		struct runtime_status *status);
size_t count_listed(const struct subject *subject);
/* Waits until the log holds the text. */
void wait_log(const struct instance *i, const char *text);

#endif
