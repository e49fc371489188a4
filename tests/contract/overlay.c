/* What every overlay driver promises, against the kernel's and the one for simulations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../unit/overlay/linux/kit.h"

struct fixture {
	const struct overlay_driver *driver;
	struct overlay_config config;
	struct overlay *ov;
	struct strv blocks;
	struct kit *kit;
	struct fake_network *net;
	bool is_skipped;
};

static struct fixture *fixture_new(const struct overlay_driver *driver)
{
	struct fixture *f = NEW(struct fixture);

	f->driver = driver;
	f->config = (struct overlay_config){
		.node_id = NODE_ID,
		.state_dir = "/run/state",
		.namespace_pool = "10.18.0.0-10.29.255.255",
		.service_pool = "10.30.0.0/16",
		.domain = "holm",
	};
	strv_add(&f->blocks, "10.18.0.0/26");
	return f;
}

static int set_up_kernel(void **state)
{
	struct fixture *f = fixture_new(&overlay_linux);
	char why[ERR_MSG_MAX];

	*state = f;
	f->kit = kit_new(why);
	f->is_skipped = !f->kit;
	if (f->is_skipped)
		print_message("# %s\n", why);
	return 0;
}

static int set_up_fake(void **state)
{
	struct fixture *f = fixture_new(&overlay_fake);

	*state = f;
	f->net = fake_network_new();
	f->config.state_dir = fake_network_dir(f->net);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	f->driver->close(f->ov);
	kit_free(f->kit);
	fake_network_free(f->net);
	strv_fini(&f->blocks);
	free(f);
	return 0;
}

static void must(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%s", err->msg);
}

static void open_it(struct fixture *f)
{
	struct err err;

	f->driver->close(TAKE(f->ov));
	must(f->driver->open(&f->config, &f->ov, &err), &err);
}

static struct fixture *begin(void **state)
{
	struct fixture *f = *state;
	struct err err;

	if (f->is_skipped)
		skip();
	open_it(f);
	must(f->driver->setup(f->ov, &f->blocks, &err), &err);
	return f;
}

static int attach(struct fixture *f, unsigned n, bool is_tap, struct overlay_link *link)
{
	struct overlay_link_spec spec = { .ip = NS(n), .is_tap = is_tap };
	struct err err;

	kit_id(n, spec.instance_id);
	return f->driver->attach(f->ov, &spec, link, &err);
}

static size_t count_links(struct fixture *f)
{
	auto_strv struct strv ids = { 0 };
	struct err err;

	must(f->driver->list(f->ov, &ids, &err), &err);
	return ids.n;
}

static void wants_setup_first(void **state)
{
	struct fixture *f = *state;
	const struct overlay_table nothing = { 0 };
	const struct strv no_blocks = { 0 };
	struct overlay_link link;
	struct err err;

	if (f->is_skipped)
		skip();
	open_it(f);
	assert_int_equal(f->driver->setup(f->ov, &no_blocks, &err), -EINVAL);
	assert_int_equal(f->driver->publish(f->ov, &nothing, &err), -EINVAL);
	assert_int_equal(attach(f, 2, false, &link), -EADDRNOTAVAIL);
	assert_int_equal(count_links(f), 0);
}

static void a_link_is_as_it_was(void **state)
{
	struct fixture *f = begin(state);
	struct overlay_link first;
	struct overlay_link again;

	for (unsigned n = 2; n < 4; n++) {
		assert_int_equal(attach(f, n, n == 3, &first), 0);
		open_it(f);
		assert_int_equal(count_links(f), n - 1);
		struct err err;
		must(f->driver->setup(f->ov, &f->blocks, &err), &err);
		assert_int_equal(attach(f, n, n == 3, &again), 0);
		assert_string_equal(first.ifname, again.ifname);
		assert_string_equal(first.mac, again.mac);
		assert_string_equal(first.netns_path, again.netns_path);
		assert_true(str_is_empty(first.netns_path) == (n == 3));
		assert_string_equal(again.gateway, "10.18.0.1");
		assert_int_equal(again.prefix, 26);
		assert_int_equal(count_links(f), n - 1);
	}
}

static void detach_is_repeatable(void **state)
{
	struct fixture *f = begin(state);
	struct overlay_leaver leaver = { .ip = NS(2) };
	struct overlay_link link;
	struct err err;

	kit_id(2, leaver.instance_id);
	assert_int_equal(attach(f, 2, false, &link), 0);
	for (int i = 0; i < 2; i++) {
		must(f->driver->detach(f->ov, &leaver, 1, &err), &err);
		assert_int_equal(count_links(f), 0);
	}
	assert_int_equal(attach(f, 2, false, &link), 0);
}

static void many_are_detached_at_once(void **state)
{
	struct fixture *f = begin(state);
	struct overlay_leaver leavers[4] = { 0 };
	struct overlay_link link;
	struct err err;

	for (unsigned i = 0; i < ARRAY_LEN(leavers); i++) {
		kit_id(2 + i, leavers[i].instance_id);
		leavers[i].ip = NS(2 + i);
	}
	/* The last one has none, and the one behind it stays. */
	for (unsigned n = 2; n < 7; n++)
		if (n != 5)
			assert_int_equal(attach(f, n, n == 3, &link), 0);
	must(f->driver->detach(f->ov, leavers, ARRAY_LEN(leavers), &err), &err);
	assert_int_equal(count_links(f), 1);
	must(f->driver->detach(f->ov, leavers, ARRAY_LEN(leavers), &err), &err);
	assert_int_equal(count_links(f), 1);
}

static void an_address_beyond_the_blocks_is_refused(void **state)
{
	struct fixture *f = begin(state);
	struct overlay_link link;

	assert_int_equal(attach(f, 70, false, &link), -EADDRNOTAVAIL);
	assert_int_equal(count_links(f), 0);
}

static void down_forgets_everything_and_setup_brings_it_back(void **state)
{
	struct fixture *f = begin(state);
	const struct overlay_table nothing = { 0 };
	auto_strv struct strv problems = { 0 };
	struct overlay_link link;
	struct err err;

	assert_int_equal(attach(f, 2, false, &link), 0);
	must(f->driver->publish(f->ov, &nothing, &err), &err);
	for (int i = 0; i < 2; i++) {
		must(f->driver->down(f->ov, &err), &err);
		assert_int_equal(count_links(f), 0);
	}
	assert_int_equal(attach(f, 2, false, &link), -EADDRNOTAVAIL);
	must(f->driver->setup(f->ov, &f->blocks, &err), &err);
	assert_int_equal(attach(f, 2, false, &link), 0);
	must(f->driver->publish(f->ov, &nothing, &err), &err);
	must(f->driver->check(f->ov, &problems, &err), &err);
	assert_int_equal(problems.n, 0);
}

/* The simulation's own promise: a connection goes where the kernel would take it. */
static void a_simulated_connection_follows_the_table(void **state)
{
	struct fixture *f = begin(state);
	struct overlay_backend backends[2] = {
		{ "", 0, NS(2), SVC(2), true, true },
		{ "", 1, NS(66), SVC(3), false, true },
	};
	struct overlay_service service = { .sname = "a.b.c.d",
					   .rr_ip = SVC(1),
					   .backends = backends,
					   .n_backends = 2 };
	const struct overlay_table table = { &service, 1 };
	struct overlay_link link;
	struct err err;

	kit_id(2, backends[0].instance_id);
	kit_id(66, backends[1].instance_id);
	must(f->driver->publish(f->ov, &table, &err), &err);
	assert_string_equal(fake_network_connect(f->net, SVC(1)), backends[1].instance_id);
	assert_null(fake_network_connect(f->net, SVC(2)));
	assert_int_equal(attach(f, 2, false, &link), 0);
	assert_int_equal(fake_network_ip(f->net, backends[0].instance_id), NS(2));
	assert_string_equal(fake_network_connect(f->net, SVC(2)), backends[0].instance_id);
	const char *one = fake_network_connect(f->net, SVC(1));
	assert_string_not_equal(one, fake_network_connect(f->net, SVC(1)));
	backends[0].is_ready = backends[1].is_ready = false;
	must(f->driver->publish(f->ov, &table, &err), &err);
	assert_null(fake_network_connect(f->net, SVC(1)));
}

#define ON(driver, name)                                                   \
	{                                                                  \
#driver ": " #name, name, set_up_##driver, tear_down, NULL \
	}
#define ON_BOTH(name) ON(kernel, name), ON(fake, name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(wants_setup_first),
		ON_BOTH(a_link_is_as_it_was),
		ON_BOTH(detach_is_repeatable),
		ON_BOTH(many_are_detached_at_once),
		ON_BOTH(an_address_beyond_the_blocks_is_refused),
		ON_BOTH(down_forgets_everything_and_setup_brings_it_back),
		ON(fake, a_simulated_connection_follows_the_table),
	};

	return cmocka_run_group_tests_name("contract/overlay", tests, NULL, NULL);
}
