/* Placement: each filter with its reason, scores, and what could never fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "sched/sched.h"

/* Two nodes alike: edge-1 and edge-2, 4 cores, 4000 MiB, docker and unikernel. */
struct site {
	struct node facts[2];
	struct sched_node nodes[2];
	struct sched_snapshot snapshot;
	struct service_spec spec;
};

static int setup(void **state)
{
	struct site *s = NEW(struct site);

	for (size_t i = 0; i < 2; i++) {
		struct node *node = &s->facts[i];

		snprintf(node->id, sizeof(node->id), "%024zu", i + 1);
		node->hostname = xasprintf("edge-%zu", i + 1);
		node->arch = xstrdup("amd64");
		node->cpus = 4;
		node->memory_mib = 4000;
		strv_add(&node->virtualization, "docker");
		strv_add(&node->virtualization, "unikernel");
		s->nodes[i] = (struct sched_node){ .facts = node, .is_alive = true };
	}
	s->snapshot = (struct sched_snapshot){ .cluster = "site", .nodes = s->nodes, .n_nodes = 2 };
	s->spec.virtualization = xstrdup("docker");
	s->spec.code = xstrdup("docker.io/library/nginx:1");
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct site *s = *state;

	for (size_t i = 0; i < 2; i++)
		fields_fini(&node_table, &s->facts[i]);
	fields_fini(&service_spec_table, &s->spec);
	free(s);
	return 0;
}

static void picks(struct site *s, int expected)
{
	auto_free char *reason = NULL;
	int picked = sched_pick(&s->snapshot, &s->spec, &reason);

	if (picked != expected)
		fail_msg("picked %d, %s", picked, reason ? reason : "");
}

/* edge-2 is not connected; edge-1 is refused for this reason. */
static void refuses_by(struct site *s, int code, const char *reason)
{
	auto_free char *expected = xasprintf("no node fits: edge-1: %s; edge-2: not connected",
					     reason);
	auto_free char *got = NULL;

	s->nodes[1].is_alive = false;
	assert_int_equal(sched_pick(&s->snapshot, &s->spec, &got), code);
	assert_string_equal(got, expected);
}

static void refuses(struct site *s, const char *reason)
{
	refuses_by(s, -ENOSPC, reason);
}

/* Both nodes lack it for good. */
static void never_fits(struct site *s, int code, const char *reason)
{
	auto_free char *expected = xasprintf("no node fits: edge-1: %s; edge-2: %s", reason,
					     reason);
	struct err err = { 0 };

	s->nodes[0].is_alive = false;
	s->nodes[1].memory_mib = 4000;
	assert_int_equal(sched_ever_fits(&s->snapshot, &s->spec, &err), code);
	assert_string_equal(err.msg, expected);
}

static void set(char **field, const char *text)
{
	free(*field);
	*field = xstrdup(text);
}

static void ties_go_to_the_smaller_id(void **state)
{
	struct site *s = *state;

	picks(s, 0);
	STR_COPY(s->facts[1].id, "000000000000000000000000");
	picks(s, 1);
}

static void most_free_memory_and_cores_win(void **state)
{
	struct site *s = *state;

	s->nodes[0].memory_mib = 1000;
	picks(s, 1);
	s->nodes[1].cpu_millis = 3000;
	picks(s, 0);
	s->spec.memory_mib = 1000;
	s->facts[1].memory_mib = 40000;
	s->facts[1].cpus = 40;
	picks(s, 1);
}

static void instances_of_a_service_spread(void **state)
{
	struct site *s = *state;

	s->nodes[0].n_same = 1;
	s->nodes[1].memory_mib = 700;
	picks(s, 1);
	s->nodes[0].n_same = 0;
	picks(s, 0);
	s->nodes[1].memory_mib = 0;
	s->nodes[0].n_instances = 1;
	picks(s, 1);
}

static void a_burst_fills_both_nodes(void **state)
{
	struct site *s = *state;
	auto_free char *reason = NULL;

	s->spec.memory_mib = 1000;
	for (int i = 0; i < 8; i++) {
		int picked = sched_pick(&s->snapshot, &s->spec, &reason);

		assert_int_equal(picked, i % 2);
		s->nodes[picked].memory_mib += 1000;
		s->nodes[picked].n_instances++;
		s->nodes[picked].n_same++;
	}
	assert_int_equal(sched_pick(&s->snapshot, &s->spec, &reason), -ENOSPC);
	assert_string_equal(reason, "no node fits: edge-1: needs 1000 MiB, 0 free; edge-2: needs "
				    "1000 MiB, 0 free");
}

static void filter_runtime(void **state)
{
	struct site *s = *state;

	set(&s->spec.virtualization, "runsc");
	never_fits(s, -ENOTSUP, "no runtime runsc (has docker, unikernel)");
	s->nodes[0].is_alive = true;
	strv_add(&s->facts[1].virtualization, "runsc");
	s->nodes[1].memory_mib = 0;
	picks(s, 1);
	strv_fini(&s->facts[0].virtualization);
	strv_add(&s->facts[0].problems, "kvm: no such device");
	strv_add(&s->facts[0].problems, "containerd: connect: no such file");
	strv_add(&s->facts[0].problems, "runsc: bad platform");
	refuses(s, "no runtime runsc (has none); containerd: connect: no such file; "
		   "runsc: bad platform");
}

/* However long it is: as much of it as there is room for. */
static void a_problem_is_told(void **state)
{
	struct site *s = *state;
	auto_free char *reason = NULL;
	struct buf why;

	buf_init(&why, 1000);
	for (int i = 0; i < 90; i++)
		buf_addf(&why, "because ");
	strv_addf(&s->facts[0].problems, "runsc: %s", why.data);
	buf_fini(&why);
	set(&s->spec.virtualization, "runsc");
	assert_int_equal(sched_pick(&s->snapshot, &s->spec, &reason), -ENOSPC);
	assert_non_null(strstr(reason, "(has docker, unikernel); runsc: because because"));
}

/* It will be known in a moment: not refused, and not placed. */
static void a_runtime_that_is_being_tried(void **state)
{
	struct site *s = *state;

	set(&s->spec.virtualization, "runsc");
	s->nodes[0].is_alive = true;
	strv_add(&s->facts[0].pending, "runsc");
	strv_add(&s->facts[1].virtualization, "runsc");
	refuses_by(s, -EAGAIN, "is still trying its runtime runsc");
	s->nodes[0].is_cordoned = true;
	refuses(s, "cordoned");
	s->nodes[0].is_cordoned = false;
	struct err err;
	assert_int_equal(sched_ever_fits(&s->snapshot, &s->spec, &err), 0);
	strv_fini(&s->facts[0].pending);
	strv_add(&s->facts[0].virtualization, "runsc");
	picks(s, 0);
}

static void filter_architecture(void **state)
{
	struct site *s = *state;

	set(&s->spec.platform, "linux/arm64/v8");
	never_fits(s, -ENOSPC, "is amd64, the platform is linux/arm64/v8");
	s->nodes[0].is_alive = true;
	set(&s->spec.platform, "linux/amd64");
	picks(s, 0);
	set(&s->spec.virtualization, "unikernel");
	set(&s->spec.code, "file:/k");
	picks(s, 0);
	strv_add(&s->spec.arch, "arm64");
	never_fits(s, -ENOSPC, "is amd64, the image is for arm64");
}

static void wants_arm64_unikernel(struct site *s)
{
	set(&s->spec.virtualization, "unikernel");
	set(&s->spec.code, "file:/k");
	strv_add(&s->spec.arch, "arm64");
}

static void emulated_architectures_count(void **state)
{
	struct site *s = *state;

	wants_arm64_unikernel(s);
	strv_add(&s->facts[1].emulated, "arm64");
	picks(s, 1);
	strv_add(&s->facts[0].emulated, "arm64");
	picks(s, 0);
	set(&s->spec.platform, "qemu/riscv64");
	never_fits(s, -ENOSPC, "is amd64, the platform is qemu/riscv64");
}

/* Of unikernels only: a container's programs run on the processor itself. */
static void emulation_is_no_platform_of_containers(void **state)
{
	struct site *s = *state;

	strv_add(&s->facts[0].emulated, "arm64");
	strv_add(&s->facts[1].emulated, "arm64");
	set(&s->spec.platform, "linux/arm64");
	never_fits(s, -ENOSPC, "is amd64, the platform is linux/arm64");
}

/* However much an emulating node has left. */
static void own_architecture_wins_over_emulation(void **state)
{
	struct site *s = *state;

	wants_arm64_unikernel(s);
	strv_add(&s->facts[0].emulated, "arm64");
	set(&s->facts[1].arch, "arm64");
	s->nodes[1].memory_mib = 3000;
	s->nodes[1].n_same = 2;
	picks(s, 1);
	strv_add(&s->spec.arch, "amd64");
	set(&s->spec.code, "file:/k,file:/l");
	picks(s, 0);
}

static void filter_memory_and_cores(void **state)
{
	struct site *s = *state;

	s->nodes[0].memory_mib = 2100;
	s->spec.memory_mib = 1901;
	refuses(s, "needs 1901 MiB, 1900 free");
	s->spec.memory_mib = 1900;
	picks(s, 0);
	s->nodes[0].cpu_millis = 100000;
	s->spec.vcpus = 4;
	picks(s, 0);
	s->spec.vcpus = 5;
	never_fits(s, -ENOSPC, "needs 5 cores, has 4");
	s->spec.memory_mib = 4001;
	never_fits(s, -ENOSPC, "needs 4001 MiB, has 4000");
}

static void filter_ports(void **state)
{
	struct site *s = *state;
	static const struct sched_port taken[] = { { 53, true }, { 80, false } };

	s->nodes[0].ports = taken;
	s->nodes[0].n_ports = 2;
	set(&s->spec.port, "53/tcp;8080:80");
	picks(s, 0);
	set(&s->spec.port, "8080;53:1/udp");
	picks(s, 1);
	refuses(s, "host port 53/udp is taken");
}

static void filter_presence(void **state)
{
	struct site *s = *state;

	s->nodes[0].is_cordoned = true;
	picks(s, 1);
	refuses(s, "cordoned");
}

static void constrain(struct site *s, const char *type, const char *cluster, const char *node)
{
	if (!s->spec.constraints)
		s->spec.constraints = NEW(struct sla_constraint);
	s->spec.n_constraints = 1;
	set(&s->spec.constraints->type, type);
	set(&s->spec.constraints->cluster, cluster);
	set(&s->spec.constraints->node, node);
}

static void filter_direct(void **state)
{
	struct site *s = *state;

	constrain(s, "direct", "", "");
	picks(s, 0);
	constrain(s, "direct", "other;site", "edge-9; edge-2");
	picks(s, 1);
	constrain(s, "direct", "", s->facts[1].id);
	picks(s, 1);
	constrain(s, "direct", "", "edge-9");
	never_fits(s, -ENOSPC, "not the wanted node edge-9");
	constrain(s, "direct", "other", "edge-1");
	never_fits(s, -ENOSPC, "not in cluster other");
	s->snapshot.cluster = NULL;
	never_fits(s, -ENOSPC, "not in cluster other");
}

static void filter_clusters_and_addons(void **state)
{
	struct site *s = *state;

	constrain(s, "clusters", "", "");
	picks(s, 0);
	strv_add(&s->spec.constraints->allowed, "a");
	strv_add(&s->spec.constraints->allowed, "b");
	never_fits(s, -ENOSPC, "not in an allowed cluster (a, b)");
	s->nodes[0].is_alive = true;
	strv_add(&s->spec.constraints->allowed, "site");
	picks(s, 0);
	constrain(s, "geo", "", "");
	picks(s, 0);
	constrain(s, "addons", "", "");
	strv_add(&s->spec.constraints->needs, "FLOps");
	never_fits(s, -ENOSPC, "has no addon FLOps");
}

static void filter_devices(void **state)
{
	struct site *s = *state;

	s->spec.vgpus = 2;
	never_fits(s, -ENOSPC, "needs 2 GPUs, has none");
	s->spec.vgpus = 0;
}

static struct sla_volume *volume_of(struct site *s)
{
	s->spec.volumes = NEW(struct sla_volume);
	s->spec.n_volumes = 1;
	return s->spec.volumes;
}

static void filter_csi_drivers(void **state)
{
	struct site *s = *state;

	set(&volume_of(s)->csi_driver, "csi.example.org");
	never_fits(s, -ENOSPC, "has no CSI driver csi.example.org");
	strv_add(&s->facts[1].csi_drivers, "csi.example.org");
	picks(s, 1);
	strv_add(&s->facts[0].problems, "csi csi.example.org: nobody answers");
	refuses(s, "has no CSI driver csi.example.org; csi csi.example.org: nobody answers");
}

static void filter_host_paths(void **state)
{
	struct site *s = *state;

	set(&volume_of(s)->host_path, "/srv/data");
	never_fits(s, -ENOSPC, "offers no host paths (holm up --volume-root)");
	set(&s->facts[0].volume_root, "/srv/da");
	set(&s->facts[1].volume_root, "/srv");
	picks(s, 1);
	refuses(s, "host path /srv/data is not below its volume root /srv/da");
}

static void named_volumes_pin_to_the_node_that_keeps_them(void **state)
{
	struct site *s = *state;
	struct strv promised = { 0 };

	set(&volume_of(s)->volume_id, "data");
	picks(s, 0);
	strv_add(&promised, "data");
	s->nodes[1].volumes = &promised;
	picks(s, 1);
	s->nodes[1].volumes = NULL;
	strv_add(&s->facts[1].volumes, "data");
	picks(s, 1);
	refuses(s, "volume data is on edge-2");
	strv_fini(&promised);
}

static void what_is_taken_or_away_may_come(void **state)
{
	struct site *s = *state;
	struct err err = { 0 };

	s->nodes[0].is_alive = s->nodes[1].is_alive = false;
	s->nodes[0].memory_mib = s->nodes[1].memory_mib = 4000;
	s->spec.memory_mib = 4000;
	assert_int_equal(sched_ever_fits(&s->snapshot, &s->spec, &err), 0);
	s->snapshot.n_nodes = 0;
	s->spec.memory_mib = 9000;
	assert_int_equal(sched_ever_fits(&s->snapshot, &s->spec, &err), 0);
	auto_free char *reason = NULL;
	assert_int_equal(sched_pick(&s->snapshot, &s->spec, &reason), -ENOSPC);
	assert_string_equal(reason, "no node has joined");
}

static void summary_is_bounded(void **state)
{
	struct site *s = *state;
	struct sched_node nodes[100];
	auto_free char *reason = NULL;

	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		nodes[i] = (struct sched_node){ .facts = &s->facts[0] };
	s->snapshot.nodes = nodes;
	s->snapshot.n_nodes = ARRAY_LEN(nodes);
	assert_int_equal(sched_pick(&s->snapshot, &s->spec, &reason), -ENOSPC);
	assert_true(strlen(reason) < DETAIL_MAX);
	assert_true(str_ends(reason, "edge-1: not connected; and 83 more"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ties_go_to_the_smaller_id),
		TEST(most_free_memory_and_cores_win),
		TEST(instances_of_a_service_spread),
		TEST(a_burst_fills_both_nodes),
		TEST(filter_runtime),
		TEST(a_runtime_that_is_being_tried),
		TEST(a_problem_is_told),
		TEST(filter_architecture),
		TEST(emulated_architectures_count),
		TEST(emulation_is_no_platform_of_containers),
		TEST(own_architecture_wins_over_emulation),
		TEST(filter_memory_and_cores),
		TEST(filter_ports),
		TEST(filter_presence),
		TEST(filter_csi_drivers),
		TEST(filter_host_paths),
		TEST(named_volumes_pin_to_the_node_that_keeps_them),
		TEST(filter_direct),
		TEST(filter_clusters_and_addons),
		TEST(filter_devices),
		TEST(what_is_taken_or_away_may_come),
		TEST(summary_is_bounded),
	};

	return cmocka_run_group_tests_name("sched/sched", tests, NULL, NULL);
}
