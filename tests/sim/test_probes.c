/* Programs that need a while before they are of use, and hang: whatever is killed in between, nothing is
 * sent to one that has not said it is ready, and what hangs is started again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "programs.h"

#define SEEDS     60
#define SETTLE_MS 240000
#define STEPS_MAX 400
#define N         3
#define RR_IP     0x0a1e0001u /* of the first service */
#define WISH                                                                                    \
	"{\"sla_version\":\"v2.0\",\"customerID\":\"Admin\",\"applications\":[{"                \
	"\"application_name\":\"shop\",\"application_namespace\":\"prod\",\"microservices\":[{" \
	"\"microservice_name\":\"web\",\"microservice_namespace\":\"test\","                    \
	"\"virtualization\":\"container\",\"code\":\"docker.io/library/web:1\",\"memory\":10,"  \
	"\"replicas\":3,\"readiness\":{\"http\":{\"port\":80},\"period_s\":2},"                 \
	"\"liveness\":{\"tcp\":{\"port\":80},\"period_s\":2,\"initial_delay_s\":10,"            \
	"\"failure_threshold\":2}}]}]}"

struct scene {
	struct world world;
	struct programs *programs;
};

static void scene_init(struct scene *scene, uint64_t seed)
{
	world_init(&scene->world, seed);
	scene->programs = programs_new(&scene->world);
	scene->world.prober = &programs_prober;
	world_boot(&scene->world);
	world_run(&scene->world, 1000);
	world_apply(&scene->world, WISH);
}

static void scene_fini(struct scene *scene)
{
	world_fini(&scene->world);
	programs_free(scene->programs);
}

/* Whom a new connection would reach. */
static const char *served_by(struct scene *scene)
{
	return fake_network_connect(scene->world.network, RR_IP);
}

/* Each of them, in turn. */
static void assert_all_have_answered(struct scene *scene)
{
	for (unsigned i = 0; i < N; i++) {
		const char *id = served_by(scene);

		/* One that has just ended is told to the network a moment later. */
		if (id && programs_pid(scene->programs, id) &&
		    !programs_has_answered(scene->programs, id))
			fail_msg("seed %lu: %s gets traffic, and its run %d was never ready",
				 scene->world.seed, id, (int)programs_pid(scene->programs, id));
	}
}

static void step(struct scene *scene, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		world_step(&scene->world, 1);
		assert_all_have_answered(scene);
	}
}

static void assert_settled(struct scene *scene)
{
	struct world *world = &scene->world;
	uint64_t end_ms = loop_now_ms(world->loop) + SETTLE_MS;

	while (world_count(world, "RUNNING") < N && loop_now_ms(world->loop) < end_ms)
		step(scene, 20);
	if (world_count(world, "RUNNING") != N || world_running(world) != N ||
	    world_most_running(world) > 1)
		fail_msg("seed %lu: %u instances run, %u are told to", world->seed,
			 world_running(world), world_count(world, "RUNNING"));
}

static void crash(struct scene *scene)
{
	world_crash(&scene->world);
	assert_all_have_answered(scene);
	world_boot(&scene->world);
}

static void nobody_is_sent_to_one_that_is_not_ready(void **state)
{
	struct scene scene;

	scene_init(&scene, 1);
	while (!world_running(&scene.world))
		step(&scene, 1);
	assert_int_equal(world_count(&scene.world, "RUNNING"), 0);
	assert_null(served_by(&scene));
	assert_settled(&scene);
	assert_non_null(served_by(&scene));
	scene_fini(&scene);
}

static void crashes_while_they_become_ready(void **state)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct scene scene;

		scene_init(&scene, seed * 1000);
		for (unsigned i = 0; i < 4; i++) {
			step(&scene, world_random(&scene.world, STEPS_MAX));
			crash(&scene);
		}
		assert_settled(&scene);
		scene_fini(&scene);
	}
}

static void crashes_while_one_hangs(void **state)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct scene scene;
		const char *at;

		scene_init(&scene, seed * 1000);
		assert_settled(&scene);
		while (!(at = served_by(&scene)))
			step(&scene, 1);
		auto_free char *id = xstrdup(at);
		pid_t pid = programs_hang(scene.programs, id);
		for (unsigned i = 0; i < 4; i++) {
			step(&scene, world_random(&scene.world, STEPS_MAX));
			crash(&scene);
		}
		uint64_t end_ms = loop_now_ms(scene.world.loop) + SETTLE_MS;
		while (programs_pid(scene.programs, id) == pid &&
		       loop_now_ms(scene.world.loop) < end_ms)
			step(&scene, 20);
		assert_int_not_equal(programs_pid(scene.programs, id), pid);
		assert_settled(&scene);
		scene_fini(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_sent_to_one_that_is_not_ready),
		cmocka_unit_test(crashes_while_they_become_ready),
		cmocka_unit_test(crashes_while_one_hangs),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("sim/probes", tests, NULL, NULL);
}
