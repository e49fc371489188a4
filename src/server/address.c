/* Handing out addresses: service addresses one by one, node blocks of /26. What is in use is what
 * the objects say, so nothing can leak. */
#include "server/private.h"

#define BLOCK_SIZE 64u

static void mark(uint8_t *used, uint32_t base, uint32_t size, const char *text)
{
	uint32_t addr;

	if (text && parse_ipv4(text, &addr) == 0 && addr - base < size)
		used[addr - base] = 1;
}

static uint8_t *used_addresses(struct server *server, uint32_t base, uint32_t size,
			       const char *except_service)
{
	uint8_t *used = xcalloc(size, 1);

	used[0] = used[size - 1] = 1; /* network and broadcast */
	next_for_each(server, KIND_SERVICE, struct service,
		      service) if (!str_eq(service->id, except_service))
		mark(used, base, size, service->rr_ip);
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
		mark(used, base, size, inst->instance_ip);
	return used;
}

static const char *address_owner(const struct server *server, const char *text)
{
	next_for_each(server, KIND_SERVICE, struct service,
		      service) if (str_eq(service->rr_ip, text)) return service->name;
	next_for_each(server, KIND_INSTANCE, struct instance,
		      inst) if (str_eq(inst->instance_ip, text)) return inst->sname;
	return "the pool itself";
}

int address_take(struct server *server, const char *wanted, const char *owner_id, char **ret,
		 struct err *err)
{
	const char *pool = server->config.service_pool;
	uint32_t base;
	unsigned prefix;
	char text[IPV4_STR_MAX];

	if (parse_cidr(pool, &base, &prefix) < 0 || prefix > 30 || prefix < 8)
		return err_set(err, -EINVAL, "service pool %s: expected a prefix of /8 to /30",
			       pool);
	uint32_t size = 1u << (32 - prefix);
	auto_free uint8_t *used = used_addresses(server, base, size, owner_id);
	if (!str_is_empty(wanted)) {
		uint32_t addr;

		if (parse_ipv4(wanted, &addr) < 0 || addr - base >= size)
			return err_set(err, -EINVAL, "address %s: expected one of %s", wanted,
				       pool);
		if (used[addr - base])
			return err_set(err, -EEXIST, "address %s: taken by %s", wanted,
				       address_owner(server, wanted));
		*ret = xstrdup(wanted);
		return 0;
	}
	for (uint32_t i = 1; i < size; i++) {
		if (used[i])
			continue;
		*ret = xstrdup(format_ipv4(base + i, text));
		return 0;
	}
	return err_set(err, -ENOSPC, "service pool %s: every address is taken", pool);
}

static bool is_subnet_used(const struct server *server, const char *text)
{
	next_for_each(server, KIND_NODE, struct node,
		      node) if (strv_has(&node->subnets, text)) return true;
	return false;
}

int address_pick_subnet(struct server *server, char **ret, struct err *err)
{
	const char *pool = server->config.namespace_pool;
	auto_strv struct strv ends = { 0 };
	uint32_t first;
	uint32_t last;

	strv_split(&ends, pool, "-");
	if (ends.n != 2 || parse_ipv4(ends.items[0], &first) < 0 ||
	    parse_ipv4(ends.items[1], &last) < 0 || first % BLOCK_SIZE || last < first)
		return err_set(err, -EINVAL, "namespace pool %s: expected FIRST-LAST", pool);
	for (uint32_t block = first; block <= last - (BLOCK_SIZE - 1); block += BLOCK_SIZE) {
		char addr[IPV4_STR_MAX];
		auto_free char *text = xasprintf("%s/26", format_ipv4(block, addr));

		if (is_subnet_used(server, text))
			continue;
		*ret = TAKE(text);
		return 0;
	}
	return err_set(err, -ENOSPC, "namespace pool %s: every block is granted", pool);
}
