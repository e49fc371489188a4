/* Files that every container gets from its node: names, addresses, where to ask for others. */
#include "base/base.h"
#include "runtime/oci/spec.h"

#define FILE_MAX ((size_t)64 << 10)

const char *spec_hostname(const struct runtime_spec *spec)
{
	return spec->net.hostname ? spec->net.hostname : spec->instance_id;
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

char *spec_hosts(const struct runtime_net *net, const char *hostname)
{
	auto_buf struct buf text;

	buf_init(&text, FILE_MAX);
	buf_add_str(&text, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	if (net->ip)
		buf_addf(&text, "%s\t%s\n", net->ip, hostname);
	return buf_take(&text);
}
