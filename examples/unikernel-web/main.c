/* Boot order: console first, so that a boot that fails says where. */
#include <stdint.h>
#include <string.h>

#include "cmdline.h"
#include "kernel/boot.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/irq.h"
#include "kernel/power.h"
#include "kernel/trap.h"
#include "network.h"
#include "version.h"
#include "web/http_server.h"
#include "web/pages.h"

struct guest {
	char line[CMDLINE_SIZE];
	struct cmdline cmdline;
	struct network network;
	struct http_server server;
	struct pages pages;
	uint16_t port;
};

static void __attribute__((noreturn)) give_up(const char *why)
{
	console_printf("CRIT: %s\n", why);
	power_crash();
}

static void check_memory(const struct boot_info *info)
{
	size_t needed = (size_t)(__end - __start) + MEM_SIZE + 4096;

	if (info->memory_bytes && info->memory_bytes < needed)
		give_up("boot: too little memory");
}

static void read_cmdline(struct guest *guest, const char *line)
{
	size_t length = strlen(line);
	int bad;

	if (length >= sizeof(guest->line))
		give_up("boot: command line longer than 4095 bytes");
	memcpy(guest->line, line, length + 1);
	bad = cmdline_parse(guest->line, &guest->cmdline);
	if (bad)
		console_printf("WARN: parse command line: %d values ignored\n", bad);
}

static void configure(struct guest *guest)
{
	const struct cmdline *c = &guest->cmdline;

	guest->port = 80;
	guest->pages = (struct pages){
		.cmdline = c,
		.server = &guest->server,
		.name = c->net.host ? c->net.host : "unikernel-web",
	};
	guest->server = (struct http_server){ .handler = pages_handle, .arg = &guest->pages };
	for (size_t i = 0; i < c->arg_count; i++) {
		const char *value = c->args[i] + 5;
		uint64_t port;

		if (!strncmp(c->args[i], "name=", 5))
			guest->pages.name = value;
		else if (!strncmp(c->args[i], "port=", 5) && cmdline_parse_number(&value, &port) &&
			 !*value && port && port <= UINT16_MAX)
			guest->port = (uint16_t)port;
	}
}

void kernel_main(const struct boot_info *info)
{
	static struct guest guest;

	console_init();
	console_printf("Powered by Holm's unikernel-web " GUEST_VERSION " with lwIP\n");
	trap_init();
	if (info->problem)
		give_up(info->problem);
	check_memory(info);
	irq_init();
	clock_init();
	read_cmdline(&guest, info->cmdline);
	configure(&guest);
	if (network_init(&guest.network, &guest.cmdline))
		give_up("boot: no network");
	if (http_server_start(&guest.server, guest.port))
		give_up("boot: cannot listen");
	console_printf("Listening on port %u after %u ms\n", guest.port, clock_ms());
	irq_enable();
	for (;;) {
		network_poll(&guest.network);
		irq_wait();
	}
}
