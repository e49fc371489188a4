/* Changes of the table under load and at size. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "kit.h"

#define SERVICES 1000
#define BACKENDS 3
/* An optimised build needs 2 ms; this one has to do with sanitizers on a busy machine. */
#define CHANGE_MAX_MS 200

static int set_up(void **state)
{
	char why[ERR_MSG_MAX];

	*state = kit_new(why);
	if (!*state)
		print_message("# %s\n", why);
	else
		kit_up(*state);
	return 0;
}

static int tear_down(void **state)
{
	kit_free(*state);
	return 0;
}

static struct kit *begin(void **state)
{
	if (!*state)
		skip();
	return *state;
}

/* Connects until told to stop; ends with the number of failures (at most 100). */
static void client(int stop)
{
	const struct kit_call call = { NULL, 0, SVC(1), 80, false };
	char answer[KIT_ANSWER_MAX];
	int failures = 0;
	char byte;

	while (read(stop, &byte, 1) < 0 && errno == EAGAIN)
		failures += !str_starts(kit_ask(&call, answer), "web");
	_exit(failures > 100 ? 100 : failures);
}

static pid_t start_client(int *ret_stop)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[1]);
		client(fds[0]);
	}
	close(fds[0]);
	*ret_stop = fds[1];
	return pid;
}

static void no_connection_fails_while_backends_come_and_go(void **state)
{
	struct kit *kit = begin(state);
	struct overlay_backend backends[2] = {
		{ "", 0, NS(2), SVC(2), true, true },
		{ "", 1, NS(3), SVC(3), true, true },
	};
	struct overlay_service services[2] = {
		{ .sname = "a.b.web.d", .rr_ip = SVC(1), .backends = backends, .n_backends = 2 },
		{ .sname = "a.b.other.d", .rr_ip = SVC(9), .backends = backends, .n_backends = 1 },
	};
	struct overlay_table table = { services, 2 };
	struct overlay_link link;
	int status;
	int stop;

	kit_serve(kit, kit_attach(kit, 2, &link), 80, "web0");
	kit_serve(kit, kit_attach(kit, 3, &link), 80, "web1");
	kit_publish(kit, &table);
	pid_t pid = start_client(&stop);
	for (int i = 0; i < 60; i++) {
		backends[1].is_ready = i % 2;
		table.n_services = 1 + i % 3 / 2;
		if (i % 20 == 19) /* the whole table anew */
			kit_restart(kit);
		kit_publish(kit, &table);
	}
	close(stop);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void table_fill(struct overlay_table *table)
{
	table->services = xcalloc(SERVICES, sizeof(*table->services));
	table->n_services = SERVICES;
	for (uint32_t i = 0; i < SERVICES; i++) {
		struct overlay_service *s = &table->services[i];

		s->sname = xasprintf("app%u.prod.web.default", i);
		s->rr_ip = IP(10, 30, 0, 0) + i * (BACKENDS + 1);
		s->backends = xcalloc(BACKENDS, sizeof(*s->backends));
		s->n_backends = BACKENDS;
		for (uint32_t k = 0; k < BACKENDS; k++)
			s->backends[k] = (struct overlay_backend){
				.number = k,
				.namespace_ip = IP(10, 18, 0, 0) + i * 64 + 2 + k,
				.instance_ip = s->rr_ip + 1 + k,
				.is_local = i % 100 == 0,
				.is_ready = true,
			};
	}
}

static void table_clear(struct overlay_table *table)
{
	for (size_t i = 0; i < table->n_services; i++) {
		free((char *)(uintptr_t)table->services[i].sname);
		free(table->services[i].backends);
	}
	free(table->services);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double publish_timed(struct kit *kit, const struct overlay_table *table)
{
	double start = now_ms();

	kit_publish(kit, table);
	return now_ms() - start;
}

static void one_change_among_a_thousand_services_is_quick(void **state)
{
	struct kit *kit = begin(state);
	struct overlay_table table = { 0 };
	double best = 1e9;

	table_fill(&table);
	double whole = publish_timed(kit, &table);
	for (int i = 0; i < 6; i++) {
		table.services[500].backends[1].is_ready = i % 2;
		double ms = publish_timed(kit, &table);

		best = ms < best ? ms : best;
	}
	double vanished = 0;
	table.services[500].n_backends = 2;
	vanished = publish_timed(kit, &table);
	print_message("# whole table %.1f ms, one change %.1f ms, one backend gone %.1f ms\n",
		      whole, best, vanished);
	table_clear(&table);
	assert_true(best < CHANGE_MAX_MS);
}

/* With the table's handle, which changes only when it is made anew. */
static void expect_table(const char *handle)
{
	auto_free char *tables = kit_run("nft -a list tables ip");

	assert_string_equal(tables, handle);
}

static void a_change_of_mapped_ports_leaves_the_table_in_place(void **state)
{
	struct kit *kit = begin(state);
	struct overlay_backend backends[2] = {
		{ "", 0, NS(2), SVC(2), true, true },
		{ "", 1, NS(3), SVC(3), true, true },
	};
	struct overlay_service service = { .sname = "a.b.web.d",
					   .rr_ip = SVC(1),
					   .backends = backends,
					   .n_backends = 2,
					   .ports = { { 8080, 80, false }, { 8080, 80, true } },
					   .n_ports = 1 };
	struct overlay_table table = { &service, 1 };

	kit_publish(kit, &table);
	auto_free char *handle = kit_run("nft -a list tables ip");
	for (size_t i = 0; i < 8; i++) {
		service.n_ports = i % 4 / 2 + 1;
		service.n_backends = i % 2 + 1;
		kit_publish(kit, &table);
		expect_table(handle);
	}
}

#define PUBLISH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUBLISH_TEST(no_connection_fails_while_backends_come_and_go),
		PUBLISH_TEST(a_change_of_mapped_ports_leaves_the_table_in_place),
		PUBLISH_TEST(one_change_among_a_thousand_services_is_quick),
	};

	return cmocka_run_group_tests_name("overlay/linux/publish", tests, NULL, NULL);
}
