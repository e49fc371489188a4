/* A host for tests of the overlay: this process in network and mount namespaces of its own, with a
 * neighbour on its LAN, servers inside instances, and clients anywhere. */
#ifndef HOLM_TEST_OVERLAY_KIT_H
#define HOLM_TEST_OVERLAY_KIT_H

#include <sys/types.h>

#include "base/base.h"
#include "overlay/overlay.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define SVC(n)         IP(10, 30, 0, n)
#define NS(n)          IP(10, 18, 0, n)

#define HOST_LAN    IP(10, 99, 0, 1) /* of the host, on link lan0 */
#define LAN_HOST    IP(10, 99, 0, 2) /* of its neighbour */
#define LAN_NETNS   "/run/netns/lan"
#define NODE_ID     "1a2b3c4d5e6f708192a3b4c5"
#define BRIDGE      "holm-1a2b3c4d"
#define KIT_SERVERS 8

struct kit {
	struct overlay *ov;
	struct overlay_config config;
	struct strv blocks;
	pid_t servers[KIT_SERVERS];
	size_t n_servers;
};

/* NULL if this machine cannot do it, with the reason in `why`. */
struct kit *kit_new(char why[ERR_MSG_MAX]);
/* Takes the overlay down and ends the servers, whatever the test left. */
void kit_free(struct kit *kit);

/* Opens the overlay and sets it up with block 10.18.0.0/26. */
void kit_up(struct kit *kit);
/* Closes the handle and opens another, as a restart does. */
void kit_restart(struct kit *kit);
/* "…0001" for 1. */
const char *kit_id(unsigned n, char out[ID_SIZE]);
/* Plugs instance n in with address 10.18.0.n; the path of its namespace. */
const char *kit_attach(struct kit *kit, unsigned n, struct overlay_link *link);
void kit_publish(struct kit *kit, const struct overlay_table *table);

/* A server for TCP and UDP at `port` of a namespace (NULL: the host's). It greets with "NAME PEER",
 * PEER being the client's address as it sees it, and then echoes. */
void kit_serve(struct kit *kit, const char *netns, uint16_t port, const char *name);

struct kit_call {
	const char *netns; /* where the client is; NULL: on the host */
	uint32_t from;     /* address to bind to, 0: any */
	uint32_t ip;
	uint16_t port;
	bool is_udp;
};
/* Connects: a socket, or negative errno (-ETIMEDOUT after 3 seconds). */
int kit_connect(const struct kit_call *call);
/* The greeting, or "refused", "timeout", "unreachable". */
#define KIT_ANSWER_MAX 64
const char *kit_ask(const struct kit_call *call, char answer[KIT_ANSWER_MAX]);
/* One exchange over an open connection: false if it is broken. */
bool kit_echo(int fd);

/* Runs a program to its end and returns its output; fails the test if it fails. */
char *kit_run(const char *command);
/* Tracked connections with this address. */
int kit_count_flows(uint32_t ip);

#endif
