/* Memory, cores, processes and disk in numbers. */
#include "base/base.h"
#include "model/resources.h"

#define R(member) FIELD(struct resources, member, #member, F_U64)
static const struct field resources_fields[] = { R(memory_mib), R(cpu_millis), R(pids),
						 R(disk_mib) };
FIELD_TABLE(resources_table, struct resources, "resources", resources_fields);

static const struct field warm_fields[] = {
	FIELD(struct node_warm, machines, "machines", F_U32),
	FIELD(struct node_warm, bytes, "bytes", F_U64),
	FIELD(struct node_warm, max_bytes, "max_bytes", F_U64),
};
FIELD_TABLE(node_warm_table, struct node_warm, "warm", warm_fields);

#define FACTOR_MIN  100 /* per mille */
#define FACTOR_MAX  100000
#define RESERVE_MAX (1u << 30)

/* The one table of kinds: how each is written, and counted. */
static const struct kind {
	const char *word;
	const char *unit; /* behind a number in a message */
	size_t offset;
	uint32_t scale; /* units of a reserve to ours: 1000 for cores */
} kinds[] = {
	{ "memory", "MiB of memory", offsetof(struct resources, memory_mib), 1 },
	{ "cpu", "millicores", offsetof(struct resources, cpu_millis), 1000 },
	{ "pids", "processes", offsetof(struct resources, pids), 1 },
	{ "disk", "MiB of disk", offsetof(struct resources, disk_mib), 1 },
};

static uint64_t *member(struct resources *r, const struct kind *kind)
{
	return (uint64_t *)(void *)((char *)r + kind->offset);
}

static uint64_t value(const struct resources *r, const struct kind *kind)
{
	return *(const uint64_t *)(const void *)((const char *)r + kind->offset);
}

static const struct kind *kind_of(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strlen(kinds[i].word) == len && strncmp(kinds[i].word, word, len) == 0)
			return &kinds[i];
	return NULL;
}

/* "1.5" is 1500; at most three decimals. */
static int parse_per_mille(const char *text, uint32_t max, uint32_t *ret)
{
	const char *dot = strchr(text, '.');
	auto_free char *whole = xstrndup(text, dot ? (size_t)(dot - text) : strlen(text));
	uint32_t n = 0;
	uint32_t part = 0;
	size_t decimals = dot ? strlen(dot + 1) : 0;

	if (decimals > 3 || (dot && !decimals) || parse_u32(whole, 0, max, &n) < 0 ||
	    (dot && parse_u32(dot + 1, 0, 999, &part) < 0))
		return -EINVAL;
	for (size_t i = decimals; i < 3; i++)
		part *= 10;
	*ret = n * 1000 + part;
	return 0;
}

static int set_factor(const struct kind *kind, const char *text, struct resource_settings *s)
{
	uint32_t per_mille = 0;

	if (!str_eq(text, "none") && (parse_per_mille(text, FACTOR_MAX / 1000, &per_mille) < 0 ||
				      per_mille < FACTOR_MIN || per_mille > FACTOR_MAX))
		return -EINVAL;
	*member(&s->over_per_mille, kind) = per_mille;
	return 0;
}

static int set_reserve(const struct kind *kind, const char *text, struct resource_settings *s)
{
	uint32_t number = 0;
	int r = kind->scale == 1000 ? parse_per_mille(text, 4096, &number)
				    : parse_u32(text, 0, RESERVE_MAX, &number);

	if (r < 0)
		return r;
	*member(&s->reserve, kind) = number;
	return 0;
}

static int parse(const char *text, const char *expected,
		 int (*set)(const struct kind *kind, const char *text, struct resource_settings *s),
		 struct resource_settings *ret, struct err *err)
{
	struct resource_settings settings = *ret;
	auto_strv struct strv words = { 0 };

	strv_split(&words, text ? text : "", ",");
	for (size_t i = 0; i < words.n; i++) {
		const char *word = words.items[i];
		const char *equals = strchr(word, '=');
		const struct kind *kind = equals ? kind_of(word, (size_t)(equals - word)) : NULL;

		if (!kind || set(kind, equals + 1, &settings) < 0)
			return err_set(err, -EINVAL, "\"%.100s\": expected %s", word, expected);
	}
	*ret = settings;
	return 0;
}

int resources_parse_overcommit(const char *text, struct resource_settings *ret, struct err *err)
{
	return parse(text,
		     "memory, cpu, pids or disk, and a factor 0.1 to 100 or none, such as "
		     "memory=1.5",
		     set_factor, ret, err);
}

int resources_parse_reserve(const char *text, struct resource_settings *ret, struct err *err)
{
	return parse(text,
		     "memory (MiB), cpu (cores), pids or disk (MiB), and a number, such as "
		     "memory=512",
		     set_reserve, ret, err);
}

struct resources resources_offer(const struct resources *capacity,
				 const struct resource_settings *settings)
{
	struct resources offer = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		uint64_t per_mille = value(&settings->over_per_mille, &kinds[i]);
		uint64_t all = value(capacity, &kinds[i]) * per_mille / 1000;
		uint64_t reserve = value(&settings->reserve, &kinds[i]);

		if (all)
			*member(&offer, &kinds[i]) = all > reserve ? all - reserve : 1;
	}
	return offer;
}

struct resources resources_of_spec(const struct service_spec *spec)
{
	return (struct resources){ .memory_mib = spec->memory_mib,
				   .cpu_millis = spec_cpu_millis(spec),
				   .pids = spec->pids,
				   .disk_mib = spec->storage_mib };
}

void resources_add(struct resources *sum, const struct resources *more)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		*member(sum, &kinds[i]) += value(more, &kinds[i]);
}

bool resources_fit(const struct resources *offer, const struct resources *promised,
		   const struct resources *ask, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		uint64_t has = value(offer, &kinds[i]);
		uint64_t taken = value(promised, &kinds[i]);
		uint64_t left = taken < has ? has - taken : 0;
		uint64_t wanted = value(ask, &kinds[i]);

		if (!has || !wanted || wanted <= left)
			continue;
		buf_addf(why, "needs %lu %s, %lu of %lu free", wanted, kinds[i].unit, left, has);
		return false;
	}
	return true;
}
