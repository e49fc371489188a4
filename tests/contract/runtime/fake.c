/* The runtime of simulations against the contract, as far as it has what is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "suite.h"

static struct fake_host *host_of(const struct subject *s)
{
	return s->state; /* fake.c: the state is the host */
}

static bool command(enum program program, struct strv *ret)
{
	strv_add(ret, "nothing");
	return true;
}

static void check_gone(const struct subject *s, const char *instance_id)
{
	assert_int_equal(fake_host_running(host_of(s), instance_id), 0);
}

static void end(const struct subject *s, const char *instance_id, enum runtime_end how)
{
	fake_host_end(host_of(s), instance_id, how);
}

static void outlives_its_state(void **state)
{
	struct subject *s = *state;
	struct runtime_status status;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_IDLE);
	start(s, &i, &status);
	s->driver->close(s->state);
	must(s->driver->open(&s->config, &s->state, &err), &err);
	assert_int_equal(count_listed(s), 1);
	assert_int_equal(fake_host_running(host_of(s), i.id), 1);
	stop(s, &i, NULL);
	instance_fini(&i);
}

static void fails_on_purpose_and_leaves_nothing(void **state)
{
	struct subject *s = *state;
	struct runtime_status status = { .exit_code = 99 };
	char digest[DIGEST_SIZE];
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_IDLE);
	fake_host_fail_starts(host_of(s), 1);
	assert_true(s->driver->start(s->state, &i.spec, NULL, &status, &err) < 0);
	assert_int_equal(status.exit_code, 99);
	assert_int_equal(count_listed(s), 0);
	fake_host_hide_images(host_of(s), "absent");
	assert_int_equal(s->driver->has_image(s->state, "absent:1", digest, &err), -ENOENT);
	assert_int_equal(s->driver->has_image(s->state, "there:1", digest, &err), 0);
	instance_fini(&i);
}

int main(void)
{
	struct fake_host *host = fake_host_new();
	struct subject s = {
		.name = "contract/runtime/fake",
		.driver = &fake_driver,
		.config = { .data_dir = fake_host_dir(host) },
		.image = "image:1",
		.digest = "sha256:test",
		.command = command,
		.check_gone = check_gone,
		.end = end,
		.has_no_stop_signal = true,
		.log_dir = (char[]){ "/tmp" },
	};
	const struct CMUnitTest own[] = {
		cmocka_unit_test_prestate(outlives_its_state, &s),
		cmocka_unit_test_prestate(fails_on_purpose_and_leaves_nothing, &s),
	};
	struct err err;

	must(s.driver->open(&s.config, &s.state, &err), &err);
	int r = suite_run(&s, own, ARRAY_LEN(own));
	s.driver->close(s.state);
	fake_host_free(host);
	return r != 0;
}
