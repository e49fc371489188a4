/* Port mappings of a service: HOST[:CONTAINER][/tcp|/udp] joined by semicolons. */
#include "base/base.h"
#include "model/sla.h"

#define PIECE_MAX 32

static int mapping_parse(char *text, struct port_mapping *ret)
{
	char *protocol = strchr(text, '/');
	uint32_t host;
	uint32_t guest;

	if (protocol)
		*protocol++ = '\0';
	char *colon = strchr(text, ':');
	if (colon)
		*colon++ = '\0';
	if (parse_u32(text, 1, 65535, &host) < 0 ||
	    parse_u32(colon ? colon : text, 1, 65535, &guest) < 0)
		return -EINVAL;
	if (protocol && !str_eq(protocol, "tcp") && !str_eq(protocol, "udp"))
		return -EINVAL;
	*ret = (struct port_mapping){
		.host = (uint16_t)host,
		.guest = (uint16_t)guest,
		.is_udp = str_eq(protocol, "udp"),
	};
	return 0;
}

static bool is_taken(const struct port_mapping *ports, size_t n, const struct port_mapping *port)
{
	for (size_t i = 0; i < n; i++)
		if (ports[i].host == port->host && ports[i].is_udp == port->is_udp)
			return true;
	return false;
}

int ports_parse(const char *text, struct port_mapping ret[PORTS_MAX], size_t *ret_n,
		struct err *err)
{
	struct port_mapping ports[PORTS_MAX];
	size_t n = 0;

	for (const char *at = text, *end; !str_is_empty(text) && at; at = *end ? end + 1 : NULL) {
		struct port_mapping port = { 0 };
		char piece[PIECE_MAX];

		end = at + strcspn(at, ";");
		str_copy(piece, (size_t)(end - at) < PIECE_MAX ? (size_t)(end - at) + 1 : PIECE_MAX,
			 at);
		if (mapping_parse(piece, &port) < 0)
			return err_set(
				err, -EINVAL,
				"expected HOST:CONTAINER[/tcp|udp] with ports 1..65535, joined "
				"by semicolons, got \"%.*s\"",
				(int)(end - at < 60 ? end - at : 60), at);
		if (is_taken(ports, n, &port))
			return err_set(err, -EINVAL,
				       "expected each host port once, got %u/%s twice", port.host,
				       port.is_udp ? "udp" : "tcp");
		if (n == PORTS_MAX)
			return err_set(err, -EINVAL, "expected at most %d port mappings",
				       PORTS_MAX);
		ports[n++] = port;
	}
	memcpy(ret, ports, n * sizeof(*ports));
	*ret_n = n;
	return 0;
}
