/* Looking at the machine's addresses. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include "daemon/names.h"
#include "wire/certificate/certificate.h"

#define ADDRESSES_MAX 64
#define OWN_PREFIX    "holm-" /* of our bridges */

static void add_once(struct strv *names, const char *name)
{
	if (!strv_has(names, name))
		strv_add(names, name);
}

/* An address that others may call, as text. */
static bool read_address(const struct ifaddrs *a, char out[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in *v4 = (const void *)a->ifa_addr;
	const struct sockaddr_in6 *v6 = (const void *)a->ifa_addr;

	if (!a->ifa_addr || !(a->ifa_flags & IFF_UP) || a->ifa_flags & IFF_LOOPBACK ||
	    str_starts(a->ifa_name, OWN_PREFIX))
		return false;
	if (a->ifa_addr->sa_family == AF_INET)
		return inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN);
	return a->ifa_addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) &&
	       inet_ntop(AF_INET6, &v6->sin6_addr, out, INET6_ADDRSTRLEN);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_machine(struct strv *names)
{
	auto_strv struct strv found = { 0 };
	char text[INET6_ADDRSTRLEN];
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *a = all; a && found.n < ADDRESSES_MAX; a = a->ifa_next)
		if (read_address(a, text))
			strv_add(&found, text);
	freeifaddrs(all);
	if (found.n)
		qsort(found.items, found.n, sizeof(*found.items), compare);
	for (size_t i = 0; i < found.n; i++)
		add_once(names, found.items[i]);
}

void names_collect(const char *hostname, const char *address, const struct strv *more,
		   struct strv *ret)
{
	static const char *const loopback[] = { "localhost", "127.0.0.1", "::1" };

	if (certificate_is_name(hostname))
		add_once(ret, hostname);
	for (size_t i = 0; i < ARRAY_LEN(loopback); i++)
		add_once(ret, loopback[i]);
	if (str_eq(address, "0.0.0.0") || str_eq(address, "::"))
		add_machine(ret);
	else
		add_once(ret, address);
	for (size_t i = 0; i < more->n; i++)
		add_once(ret, more->items[i]);
}
