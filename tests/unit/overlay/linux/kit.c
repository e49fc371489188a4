/* Namespaces, servers and clients for the tests of the overlay. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "kit.h"
#include "loop/child.h"
#include "wire/netlink/netlink.h"

#define CALL_TIMEOUT_MS 3000 /* a busy machine, a lost first packet */

static void must(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%s", err->msg);
}

/* A /run of its own keeps namespaces and name servers of tests that run at once apart. */
static int enter_namespaces(char why[ERR_MSG_MAX])
{
	if (geteuid() != 0) {
		str_copy(why, ERR_MSG_MAX, "not root: network namespaces cannot be made");
		return -1;
	}
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/run", "tmpfs", 0, "mode=755") < 0) {
		snprintf(why, ERR_MSG_MAX, "make namespaces: %s", strerror(errno));
		return -1;
	}
	return 0;
}

/* The host's resolvers: none, so that no test asks anyone outside. */
static void empty_resolv_conf(void)
{
	struct err err;

	must(file_write_atomic("/run/resolv.conf", "", 0, 0644, &err), &err);
	assert_int_equal(mount("/run/resolv.conf", "/etc/resolv.conf", NULL, MS_BIND, NULL), 0);
}

static void link_up(struct netlink *nl, const char *name, uint32_t ip)
{
	struct netlink_link link;
	struct err err;

	must(netlink_link_find(nl, name, &link, &err), &err);
	must(netlink_link_change(nl, link.index, &(struct netlink_change){ .is_up = true }, &err),
	     &err);
	if (ip)
		must(netlink_addr_add(nl, &(struct netlink_addr){ link.index, ip, 24, true }, &err),
		     &err);
}

static void make_lan(void)
{
	auto_(netlink_close) struct netlink *host = NULL;
	auto_(netlink_close) struct netlink *lan = NULL;
	const uint8_t mac[] = { 2, 0x99, 0, 0, 0, 2 };
	const struct netlink_veth veth = { "lan0", "eth0", mac, LAN_NETNS, 1500 };
	struct err err;

	must(netns_make(LAN_NETNS, &err), &err);
	must(netlink_open(NULL, &host, &err), &err);
	must(netlink_open(LAN_NETNS, &lan, &err), &err);
	must(netlink_veth_add(host, &veth, &err), &err);
	link_up(host, "lo", 0);
	link_up(host, "lan0", HOST_LAN);
	link_up(lan, "lo", 0);
	link_up(lan, "eth0", LAN_HOST);
}

struct kit *kit_new(char why[ERR_MSG_MAX])
{
	if (enter_namespaces(why) < 0)
		return NULL;
	empty_resolv_conf();
	make_lan();
	struct kit *kit = NEW(struct kit);
	kit->config = (struct overlay_config){
		.node_id = NODE_ID,
		.state_dir = "/run/state",
		.namespace_pool = "10.18.0.0-10.29.255.255",
		.service_pool = "10.30.0.0/16",
		.domain = "holm",
	};
	strv_add(&kit->blocks, "10.18.0.0/26");
	return kit;
}

void kit_free(struct kit *kit)
{
	struct err err = { 0 };
	int r = 0;

	if (!kit)
		return;
	for (size_t i = 0; i < kit->n_servers; i++) {
		kill(-kit->servers[i], SIGKILL);
		waitpid(kit->servers[i], NULL, 0);
	}
	if (!kit->ov)
		r = overlay_linux.open(&kit->config, &kit->ov, &err);
	if (r == 0) {
		r = overlay_linux.down(kit->ov, &err);
		overlay_linux.close(kit->ov);
	}
	strv_fini(&kit->blocks);
	free(kit);
	must(r, &err);
}

void kit_up(struct kit *kit)
{
	struct err err;

	must(overlay_linux.open(&kit->config, &kit->ov, &err), &err);
	must(overlay_linux.setup(kit->ov, &kit->blocks, &err), &err);
}

void kit_restart(struct kit *kit)
{
	overlay_linux.close(TAKE(kit->ov));
	kit_up(kit);
}

const char *kit_id(unsigned n, char out[ID_SIZE])
{
	snprintf(out, ID_SIZE, "%024x", n);
	return out;
}

const char *kit_attach(struct kit *kit, unsigned n, struct overlay_link *link)
{
	struct overlay_link_spec spec = { .ip = NS(n) };
	struct err err;

	kit_id(n, spec.instance_id);
	must(overlay_linux.attach(kit->ov, &spec, link, &err), &err);
	return link->netns_path;
}

void kit_publish(struct kit *kit, const struct overlay_table *table)
{
	struct err err;

	must(overlay_linux.publish(kit->ov, table, &err), &err);
}

static void greet(int fd, const struct sockaddr_in *peer, const char *name, bool is_udp)
{
	char text[KIT_ANSWER_MAX];
	char ip[IPV4_STR_MAX];

	snprintf(text, sizeof(text), "%s %s", name, format_ipv4(ntohl(peer->sin_addr.s_addr), ip));
	sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)peer,
	       is_udp ? sizeof(*peer) : 0);
}

static void serve_client(int fd, const struct sockaddr_in *peer, const char *name)
{
	char chunk[256];
	ssize_t n;

	if (fork() != 0) {
		close(fd);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	greet(fd, peer, name, false);
	while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0)
		send(fd, chunk, (size_t)n, MSG_NOSIGNAL);
	_exit(0);
}

static void serve(int tcp, int udp, const char *name)
{
	struct pollfd fds[] = { { tcp, POLLIN, 0 }, { udp, POLLIN, 0 } };

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);
		char chunk[256];

		poll(fds, 2, -1);
		if (fds[0].revents & POLLIN)
			serve_client(accept(tcp, (struct sockaddr *)&peer, &len), &peer, name);
		if (fds[1].revents & POLLIN &&
		    recvfrom(udp, chunk, sizeof(chunk), 0, (struct sockaddr *)&peer, &len) >= 0)
			greet(udp, &peer, name, true);
	}
}

/* A socket of a namespace; the thread comes back. */
static int socket_in(const char *netns, int type)
{
	struct err err;
	int home = -1;

	if (netns)
		must(netns_enter(netns, &home, &err), &err);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (netns)
		netns_leave(home);
	assert_true(fd >= 0);
	return fd;
}

static struct sockaddr_in address(uint32_t ip, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(ip),
		.sin_port = htons(port),
	};
}

static int bound(const char *netns, int type, uint16_t port)
{
	int fd = socket_in(netns, type);
	struct sockaddr_in any = address(0, port);
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	return fd;
}

void kit_serve(struct kit *kit, const char *netns, uint16_t port, const char *name)
{
	int tcp = bound(netns, SOCK_STREAM, port);
	int udp = bound(netns, SOCK_DGRAM, port);

	assert_int_equal(listen(tcp, 64), 0);
	assert_true(kit->n_servers < KIT_SERVERS);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(tcp, udp, name);
	}
	setpgid(pid, pid);
	kit->servers[kit->n_servers++] = pid;
	close(tcp);
	close(udp);
}

static int finish_connect(int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };
	int error = 0;
	socklen_t len = sizeof(error);

	if (poll(&p, 1, CALL_TIMEOUT_MS) == 0)
		return -ETIMEDOUT;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return -error;
}

int kit_connect(const struct kit_call *call)
{
	auto_close int fd = socket_in(call->netns, call->is_udp ? SOCK_DGRAM : SOCK_STREAM);
	struct sockaddr_in from = address(call->from, 0);
	struct sockaddr_in to = address(call->ip, call->port);
	int r = 0;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (call->from && bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		r = errno == EINPROGRESS ? finish_connect(fd) : -errno;
	/* What the host's own rules refuse is EPERM here; the ICMP error waits behind it. */
	if (r == 0 && call->is_udp && send(fd, "?", 1, 0) < 0 && errno != EPERM)
		r = -errno;
	return r < 0 ? r : TAKE_FD(fd);
}

static int receive(int fd, char answer[KIT_ANSWER_MAX])
{
	struct pollfd p = { fd, POLLIN, 0 };

	if (poll(&p, 1, CALL_TIMEOUT_MS) == 0)
		return -ETIMEDOUT;
	ssize_t n = recv(fd, answer, KIT_ANSWER_MAX - 1, 0);
	if (n <= 0)
		return n < 0 ? -errno : -EPIPE;
	answer[n] = '\0';
	return 0;
}

const char *kit_ask(const struct kit_call *call, char answer[KIT_ANSWER_MAX])
{
	auto_close int fd = kit_connect(call);
	int r = fd < 0 ? fd : receive(fd, answer);

	if (r == -ECONNREFUSED)
		str_copy(answer, KIT_ANSWER_MAX, "refused");
	else if (r == -ETIMEDOUT)
		str_copy(answer, KIT_ANSWER_MAX, "timeout");
	else if (r == -EHOSTUNREACH || r == -ENETUNREACH)
		str_copy(answer, KIT_ANSWER_MAX, "unreachable");
	else if (r < 0)
		str_copy(answer, KIT_ANSWER_MAX, strerror(-r));
	return answer;
}

bool kit_echo(int fd)
{
	char answer[KIT_ANSWER_MAX];
	struct timespec now;
	char word[32];

	/* A word of its own: the greeting and earlier echoes may be waiting. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(word, sizeof(word), "<%lld.%ld>", (long long)now.tv_sec, now.tv_nsec);
	if (send(fd, word, strlen(word), MSG_NOSIGNAL) < 0)
		return false;
	while (receive(fd, answer) == 0)
		if (strstr(answer, word))
			return true;
	return false;
}

char *kit_run(const char *command)
{
	auto_strv struct strv argv = { 0 };
	char *output = NULL;
	struct err err;

	strv_split(&argv, command, " ");
	int r = child_run(&(struct child_spec){ .argv = argv.items }, 10000, &output, &err);
	must(r, &err);
	if (r != 0)
		fail_msg("%s: exit code %d: %s", command, r, output);
	return output;
}

struct count {
	uint32_t ip;
	int n;
};

static bool count_flow(const struct conntrack_flow *flow, void *arg)
{
	struct count *c = arg;

	c->n += flow->src == c->ip || flow->dst == c->ip || flow->reply_src == c->ip ||
		flow->reply_dst == c->ip;
	return false;
}

int kit_count_flows(uint32_t ip)
{
	struct count c = { .ip = ip };
	struct err err;

	must(conntrack_sweep(count_flow, &c, &err), &err);
	return c.n;
}
