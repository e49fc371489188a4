/* Choices between service and image; files that every container gets from its node: names, addresses,
 * where to ask for others. */
#include "base/base.h"
#include "runtime/oci/spec.h"

#define FILE_MAX ((size_t)64 << 10)

const char *spec_hostname(const struct runtime_spec *spec)
{
	if (spec->container && spec->container->hostname)
		return spec->container->hostname;
	return spec->net.hostname ? spec->net.hostname : spec->instance_id;
}

static const char *choose(const char *of_service, const char *of_image)
{
	if (of_service)
		return of_service;
	return of_image ? of_image : "";
}

const char *spec_user(const struct runtime_spec *spec, const struct oci_image *image)
{
	return choose(spec->container ? spec->container->user : NULL, image->user);
}

const char *spec_stop_signal(const struct runtime_spec *spec, const struct oci_image *image)
{
	return choose(spec->container ? spec->container->stop_signal : NULL, image->stop_signal);
}

/* With ndots 2, `svc` and `svc.ns` try the search list first; names with two dots and more, which
 * most of the internet's are, go out as they are. */
char *spec_resolv_conf(const struct runtime_net *net)
{
	auto_buf struct buf text;

	buf_init(&text, FILE_MAX);
	if (net->dns)
		buf_addf(&text, "nameserver %s\n", net->dns);
	if (!str_is_empty(net->search))
		buf_addf(&text, "search %s\n", net->search);
	buf_add_str(&text, "options ndots:2\n");
	return buf_take(&text);
}

/* "NAME:ADDRESS" as a line, if the address is known. */
static void add_host(struct buf *text, const char *entry, const char *gateway)
{
	const char *address = strchr(entry, ':') + 1;

	if (str_eq(address, HOST_GATEWAY))
		address = gateway;
	if (address)
		buf_addf(text, "%s\t%.*s\n", address, (int)strcspn(entry, ":"), entry);
}

char *spec_hosts(const struct runtime_spec *spec)
{
	auto_buf struct buf text;

	buf_init(&text, FILE_MAX);
	buf_add_str(&text, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	if (spec->net.ip)
		buf_addf(&text, "%s\t%s\n", spec->net.ip, spec_hostname(spec));
	for (size_t i = 0; spec->container && i < spec->container->extra_hosts.n; i++)
		add_host(&text, spec->container->extra_hosts.items[i], spec->net.gateway);
	return buf_take(&text);
}
