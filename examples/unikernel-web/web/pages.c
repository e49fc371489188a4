/* Routes: a table of exact paths. */
#include <string.h>

#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/format.h"
#include "kernel/power.h"
#include "lwip/mem.h"
#include "lwip/netif.h"
#include "lwip/stats.h"
#include "lwip/timeouts.h"
#include "web/fetch.h"
#include "web/file_pages.h"
#include "web/load.h"
#include "web/pages.h"

enum {
	PAGE_MAX = 12288,  /* a whole command line fits, cut into lines */
	END_DELAY_MS = 20, /* for the last segment to leave */
};

struct route {
	const char *path;
	http_handler *handler;
};

static void show_info(void *arg, struct http_conn *conn, const struct http_request *request)
{
	const struct pages *pages = arg;
	const struct cmdline *c = pages->cmdline;
	char *body = mem_malloc(PAGE_MAX);
	struct text t;

	(void)request;
	if (!body) {
		http_reply_text(conn, 503, "out of memory\n");
		return;
	}
	text_init(&t, body, PAGE_MAX);
	text_add(&t, "name: %s\n", pages->name);
	text_add(&t, "kernel: %s\n", c->variant->version);
	text_add(&t, "address: %s\n", ip4addr_ntoa(netif_ip4_addr(netif_default)));
	text_add(&t, "uptime_ms: %u\n", clock_ms());
	text_add(&t, "requests: %u\n", pages->server->requests);
	text_add(&t, "connections: %u\n", pages->server->connections);
	text_add(&t, "heap_bytes: %u\n", lwip_stats.mem.used);
	text_add(&t, "memory_left_kib: %zu\n", memory_left(pages->memory) / 1024);
	text_add(&t, "allocated_mib: %u\n", pages->allocated_mib);
	for (size_t i = 0; i < pages->fs->count; i++)
		text_add(&t, "mount: %s %s %s\n", pages->fs->mounts[i].device,
			 pages->fs->mounts[i].path, pages->fs->mounts[i].driver->name);
	for (size_t i = 0; i < c->arg_count; i++)
		text_add(&t, "arg: %s\n", c->args[i]);
	for (size_t i = 0; i < c->env_count; i++)
		text_add(&t, "env: %s\n", c->env[i]);
	http_reply(conn, &(struct http_reply){ 200, body, t.length });
	mem_free(body);
}

static void show_health(void *arg, struct http_conn *conn, const struct http_request *request)
{
	(void)arg;
	(void)request;
	http_reply_text(conn, 200, "ok\n");
}

static void on_fetched(void *arg, const struct fetch_result *result)
{
	struct http_conn *conn = arg;

	if (result->failure)
		http_reply_text(conn, 502, "%s\n", result->failure);
	else
		http_reply(conn,
			   &(struct http_reply){ result->status, result->body, result->length });
}

static void on_client_left(void *arg)
{
	fetch_cancel(arg);
}

static void relay(void *arg, struct http_conn *conn, const struct http_request *request)
{
	char text[2048];
	struct fetch *fetch;
	struct text t;
	struct url url;

	(void)arg;
	text_init(&t, text, sizeof(text));
	if (!strncmp(request->query, "url=", 4))
		text_add(&t, "%s", request->query + 4);
	if (t.is_truncated || !url_decode(text) || !url_parse(text, &url)) {
		http_reply_text(conn, 400, "expected /get?url=http://host[:port]/path\n");
		return;
	}
	fetch = fetch_begin(&url, on_fetched, conn);
	if (fetch)
		http_on_leave(conn, on_client_left, fetch);
	else
		http_reply_text(conn, 503, "out of memory\n");
}

static void end_now(void *arg)
{
	(void)arg;
	console_printf("exiting\n");
	power_exit();
}

/* A store to an address that no page table maps: a page fault. */
static void crash_now(void *arg)
{
	(void)arg;
	*(volatile uint32_t *)0x7F0000000000 = 1;
}

/* Neither interrupts nor anything else reaches it any more. */
static void hang_now(void *arg)
{
	(void)arg;
	console_printf("hanging\n");
	power_hang();
}

static void end_soon(void)
{
	sys_timeout(END_DELAY_MS, end_now, NULL);
}

static void crash_soon(void)
{
	sys_timeout(END_DELAY_MS, crash_now, NULL);
}

static void hang_soon(void)
{
	sys_timeout(END_DELAY_MS, hang_now, NULL);
}

/* As from Unikraft, no code gets out of the guest: every end by /exit is a clean one. */
static void show_exit(void *arg, struct http_conn *conn, const struct http_request *request)
{
	uint64_t code = 0;

	(void)arg;
	if (*request->query && !query_find_number(request->query, "code", UINT8_MAX, &code)) {
		http_reply_text(conn, 400, "expected /exit or /exit?code=N\n");
		return;
	}
	if (code)
		console_printf("main returned %u\n", (unsigned)code);
	http_on_sent(conn, end_soon);
	http_reply_text(conn, 200, "exiting\n");
}

static void show_hang(void *arg, struct http_conn *conn, const struct http_request *request)
{
	(void)arg;
	(void)request;
	http_on_sent(conn, hang_soon);
	http_reply_text(conn, 200, "hanging\n");
}

static void show_env(void *arg, struct http_conn *conn, const struct http_request *request)
{
	const struct pages *pages = arg;
	char name[64];
	const char *value;

	if (!query_find(request->query, "name", name, sizeof(name))) {
		http_reply_text(conn, 400, "expected /env?name=NAME\n");
		return;
	}
	value = cmdline_env(pages->cmdline, name);
	if (value)
		http_reply(conn, &(struct http_reply){ 200, value, strlen(value) });
	else
		http_reply_text(conn, 404, "not set: %s\n", name);
}

static void show_crash(void *arg, struct http_conn *conn, const struct http_request *request)
{
	(void)arg;
	(void)request;
	http_on_sent(conn, crash_soon);
	http_reply_text(conn, 200, "crashing\n");
}

static const struct route routes[] = {
	{ "/", show_info },
	{ "/health", show_health },
	{ "/get", relay },
	{ "/env", show_env },
	{ "/exit", show_exit },
	{ "/crash", show_crash },
	{ "/hang", show_hang },
	{ "/burn", load_burn },
	{ "/alloc", load_alloc },
	{ "/flood", load_flood },
	{ "/flood-net", load_flood_net },
	{ "/file", file_show },
	{ "/write", file_write },
	{ "/ls", file_list },
};

void pages_handle(void *arg, struct http_conn *conn, const struct http_request *request)
{
	if (strcmp(request->method, "GET") && !request->is_head) {
		http_reply_text(conn, 405, "method not allowed: %s\n", request->method);
		return;
	}
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!strcmp(request->path, routes[i].path)) {
			routes[i].handler(arg, conn, request);
			return;
		}
	}
	http_reply_text(conn, 404, "not found: %s\n", request->path);
}
