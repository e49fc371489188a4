/* What others take away from the overlay is noticed, and made again around what runs. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kit.h"
#include "wire/netlink/netlink.h"

#define BOX   2 /* instances: a container with a process, a machine, and one behind an inner tap */
#define TAP   3
#define INNER 4

#define N_SPECS 3

static int set_up(void **state)
{
	char why[ERR_MSG_MAX];

	*state = kit_new(why);
	if (!*state)
		print_message("# %s\n", why);
	return 0;
}

static int tear_down(void **state)
{
	kit_free(*state);
	return 0;
}

static void fill(struct overlay_link_spec specs[N_SPECS])
{
	specs[0] = (struct overlay_link_spec){ .ip = NS(BOX) };
	specs[1] = (struct overlay_link_spec){ .ip = NS(TAP), .is_tap = true };
	kit_id(BOX, specs[0].instance_id);
	kit_id(TAP, specs[1].instance_id);
	specs[2] = (struct overlay_link_spec){ .ip = NS(INNER), .is_tap = true, .is_inner = true };
	kit_id(INNER, specs[2].instance_id);
}

/* "base", ids of instances by their numbers, or nothing: what is missed. */
static char *missed(struct kit *kit)
{
	static const char *const names[N_SPECS] = { "box", "tap", "inner" };
	struct overlay_link_spec specs[N_SPECS];
	auto_strv struct strv lost = { 0 };
	auto_buf struct buf text;
	struct err err;

	fill(specs);
	buf_init(&text, 100);
	int r = overlay_linux.look(kit->ov, specs, N_SPECS, &lost, &err);
	if (r < 0)
		fail_msg("%s", err.msg);
	buf_add_str(&text, r ? "base" : "");
	for (size_t i = 0; i < lost.n; i++)
		for (size_t k = 0; k < N_SPECS; k++)
			if (str_eq(lost.items[i], specs[k].instance_id))
				buf_addf(&text, " %s", names[k]);
	return buf_take(&text);
}

/* What somebody may take away, by its number. */
static void mend(struct kit *kit, pid_t pid, struct overlay_link links[N_SPECS])
{
	struct overlay_link_spec specs[N_SPECS];
	struct err err = { 0 };

	fill(specs);
	specs[0].pid = pid;
	int r = overlay_linux.setup(kit->ov, &kit->blocks, &err);
	for (int i = 0; r == 0 && i < N_SPECS; i++)
		r = overlay_linux.attach(kit->ov, &specs[i], &links[i], &err);
	if (r < 0)
		fail_msg("%s", err.msg);
}

/* A process that is in the namespace, as a container's is. */
static pid_t live_in(const char *netns)
{
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct err err;
		int home;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (netns_enter(netns, &home, &err) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void what_is_taken_away_is_made_again(void **state)
{
	static const struct {
		const char *command;
		const char *missed;
		bool is_new; /* a guest that was behind the inner tap has lost it */
	} cases[] = {
		{ "true", "" },
		{ "nft flush ruleset", "base" },
		{ "nft flush table ip " BRIDGE, "base" },
		{ "ip link delete " BRIDGE, "base box tap inner" },
		{ "ip link set " BRIDGE " down", "base" },
		{ "ip address delete 10.18.0.1/26 dev " BRIDGE, "base" },
		{ "ip link set % nomaster", " box" },
		{ "ip link delete %", " box" },
		{ "umount %", " box" },
		{ "nsenter --net=% ip link delete tap0", " inner", true },
		{ "nsenter --net=% ip link set tap0 down", " inner" },
	};
	struct kit *kit = *state;
	struct overlay_link links[N_SPECS];
	const struct overlay_link *box = &links[0], *inner = &links[2];

	if (!kit)
		skip();
	kit_up(kit);
	mend(kit, 0, links);
	kit_serve(kit, box->netns_path, 80, "box");
	pid_t pid = live_in(box->netns_path);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *name = str_starts(cases[i].command, "umount")    ? box->netns_path
				   : str_starts(cases[i].command, "nsenter") ? inner->netns_path
									     : box->ifname;
		const struct kit_call call = { .ip = NS(BOX), .port = 80 };
		const char *mark = strchr(cases[i].command, '%');
		auto_free char *command = mark ? xasprintf("%.*s%s%s",
							   (int)(mark - cases[i].command),
							   cases[i].command, name, mark + 1)
					       : xstrdup(cases[i].command);
		char answer[KIT_ANSWER_MAX];

		free(kit_run(command));
		auto_free char *found = missed(kit);
		if (!str_eq(found, cases[i].missed))
			fail_msg("after %s is missed: \"%s\"", command, found);
		mend(kit, pid, links);
		assert_int_equal(links[2].is_new, cases[i].is_new);
		auto_free char *later = missed(kit);
		if (!str_is_empty(later))
			fail_msg("after %s and mending is missed: \"%s\"", command, later);
		if (!str_starts(kit_ask(&call, answer), "box"))
			fail_msg("after %s and mending: %s", command, answer);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_taken_away_is_made_again, set_up,
						tear_down),
	};

	return cmocka_run_group_tests_name("overlay/linux/look", tests, NULL, NULL);
}
