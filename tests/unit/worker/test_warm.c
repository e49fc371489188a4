/* Machines that wait have only what nobody is promised, and give it back before somebody is. */
#include "kit.h"

#define MIB(n) ((uint64_t)(n) << 20)

/* A driver's calls; its pool is what the test says. */
static struct {
	unsigned n_tended;
	size_t n_wishes;
	char label[64];
	uint64_t max_bytes;
	int result;
	struct runtime_warm_use use;
	unsigned n_trimmed;
	char trimmed_for[ID_SIZE];
	uint64_t trimmed_to;
	char reserved_for[ID_SIZE];
} pool;

static int tend(void *state, const struct runtime_warm_wish *wish, const struct runtime_ctx *ctx,
		struct err *err)
{
	int r = pool.result;

	pool.n_tended++;
	pool.n_wishes = wish->n;
	pool.max_bytes = wish->max_bytes;
	pool.result = 0;
	STR_COPY(pool.label, wish->n ? wish->specs[0]->warm_label : "");
	return r < 0 ? err_set(err, r, "it cannot be") : r;
}

static pid_t reserve(void *state, const char *label, const char *instance_id)
{
	STR_COPY(pool.reserved_for, instance_id);
	return 0;
}

static int trim(void *state, const char *instance_id, uint64_t max_bytes, struct err *err)
{
	pool.n_trimmed++;
	STR_COPY(pool.trimmed_for, instance_id);
	pool.trimmed_to = max_bytes;
	return 0;
}

static void look(void *state, struct runtime_warm_use *ret)
{
	*ret = pool.use;
}

static const struct runtime_warm_ops ops = { tend, reserve, trim, look };
static struct runtime_driver driver;

static void boot(struct kit *kit, struct resources offer)
{
	memset(&pool, 0, sizeof(pool));
	driver = fake_driver;
	driver.warm = &ops;
	kit_crash(kit);
	kit->driver = &driver;
	kit->offer = offer;
	kit->warm_mib = 256;
	kit_boot(kit);
	kit_run(kit, 1000);
}

#define WARM                                                                             \
	",\"virtualization\":\"unikernel\",\"code\":\"https://example.org/web.tar.gz\"," \
	"\"arch\":[\"amd64\"],\"start\":\"warm\",\"port\":\"8080:80\",\"memory\":100"

static void deploy(struct kit *kit, const char *id, const char *spec)
{
	const struct wish wish = { .id = id, .spec = spec };

	kit_deploy(kit, &wish);
}

static void only_what_nobody_is_promised(void **state)
{
	struct kit *kit = *state;

	boot(kit, (struct resources){ .memory_mib = 1000 });
	assert_int_equal(pool.n_tended, 0);
	deploy(kit, ID_1, ",\"memory\":500");
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(pool.n_trimmed, 0); /* there is room for all of the pool */
	pool.use = (struct runtime_warm_use){ 2, MIB(200) };
	deploy(kit, ID_2, ",\"memory\":400");
	kit_await(kit, ID_2, STATE_RUNNING);
	assert_int_equal(pool.n_trimmed, 1);
	assert_string_equal(pool.trimmed_for, ID_2);
	assert_int_equal(pool.trimmed_to, MIB(100));
}

static void without_a_bound_nothing_is_given_back(void **state)
{
	struct kit *kit = *state;

	boot(kit, (struct resources){ 0 });
	deploy(kit, ID_1, ",\"memory\":500");
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(pool.n_trimmed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(only_what_nobody_is_promised),
		KIT_TEST(without_a_bound_nothing_is_given_back),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("worker/warm", tests, NULL, NULL);
}
