/* The process is killed between any two events of a deployment, again and again; afterwards every
 * instance runs exactly once. A failing seed is printed and fails again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "programs.h"

#define SEEDS     100
#define SETTLE_MS 120000
#define STEPS_MAX 120
#define DESCRIPTOR(replicas, cmd)                                                               \
	"{\"sla_version\":\"v2.0\",\"customerID\":\"Admin\",\"applications\":[{"                \
	"\"application_name\":\"shop\",\"application_namespace\":\"prod\",\"microservices\":[{" \
	"\"microservice_name\":\"web\",\"microservice_namespace\":\"test\","                    \
	"\"virtualization\":\"container\",\"code\":\"docker.io/library/web:1\","                \
	"\"cmd\":[\"" cmd "\"],\"memory\":10,\"port\":\"80:80\",\"replicas\":" #replicas "}]}]}"

static struct programs *begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world->prober = &programs_prober;
	world_boot(world);
	world_run(world, 1000);
	return programs_new(world);
}

static void end(struct world *world, struct programs *programs)
{
	world_fini(world);
	programs_free(programs);
}

static void assert_settled(struct world *world, unsigned n)
{
	world_run(world, SETTLE_MS);
	if (world_running(world) != n || world_most_running(world) > 1 ||
	    world_count(world, "RUNNING") != n)
		fail_msg("seed %lu: %u instances run (%u told so, at most %u times), expected %u",
			 world->seed, world_running(world), world_count(world, "RUNNING"),
			 world_most_running(world), n);
}

static void deploys_without_a_crash(void **state)
{
	struct world world;
	struct programs *programs = begin(&world, 1);
	assert_true(world.is_ready);
	world_apply(&world, DESCRIPTOR(3, "serve"));
	assert_settled(&world, 3);
	end(&world, programs);
}

static void crashes_between_steps_of_a_deployment(void **state)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world world;
		struct programs *programs = begin(&world, seed * 1000);
		world_apply(&world, DESCRIPTOR(3, "serve"));
		for (unsigned crash = 0; crash < 4; crash++) {
			world_step(&world, world_random(&world, STEPS_MAX));
			world_crash(&world);
			world_boot(&world);
			assert_in_range(world_most_running(&world), 0, 1);
		}
		assert_settled(&world, 3);
		end(&world, programs);
	}
}

static void crashes_between_steps_of_a_replacement(void **state)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world world;
		struct programs *programs = begin(&world, seed * 1000);
		world_apply(&world, DESCRIPTOR(2, "serve"));
		assert_settled(&world, 2);
		world_apply(&world, DESCRIPTOR(4, "serve faster"));
		world_step(&world, world_random(&world, STEPS_MAX));
		world_crash(&world);
		world_boot(&world);
		assert_settled(&world, 4);
		world_apply(&world, DESCRIPTOR(1, "serve faster"));
		world_step(&world, world_random(&world, STEPS_MAX));
		world_crash(&world);
		world_boot(&world);
		assert_settled(&world, 1);
		end(&world, programs);
	}
}

static void acknowledged_or_nothing_when_the_disk_is_full(void **state)
{
	struct world world;
	struct programs *programs = begin(&world, 7);
	store_mem_fail(world.server_disk, 1);
	world_apply_begin(&world, DESCRIPTOR(3, "serve"));
	world_run(&world, SETTLE_MS);
	assert_int_equal(world_running(&world), 0);
	assert_int_equal(world_count(&world, "RUNNING"), 0);
	world_apply(&world, DESCRIPTOR(3, "serve"));
	store_mem_fail(world.worker_disk, 2);
	assert_settled(&world, 3);
	end(&world, programs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deploys_without_a_crash),
		cmocka_unit_test(crashes_between_steps_of_a_deployment),
		cmocka_unit_test(crashes_between_steps_of_a_replacement),
		cmocka_unit_test(acknowledged_or_nothing_when_the_disk_is_full),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("sim/crash", tests, NULL, NULL);
}
