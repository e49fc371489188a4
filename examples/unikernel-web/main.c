/* Boot order: console first, so that a boot that fails says where. */
#include <stdint.h>
#include <string.h>

#include "cmdline.h"
#include "files.h"
#include "kernel/boot.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/irq.h"
#include "kernel/power.h"
#include "kernel/trap.h"
#include "memory.h"
#include "network.h"
#include "variant.h"
#include "web/http_server.h"
#include "web/pages.h"

struct guest {
	char line[CMDLINE_SIZE];
	struct cmdline cmdline;
	struct files files;
	struct network network;
	struct http_server server;
	struct pages pages;
	struct memory memory;
	uint32_t exit_ms; /* when to end; 0: never */
	uint16_t port;
};

static void __attribute__((noreturn)) give_up(const char *why)
{
	console_printf("CRIT: %s\n", why);
	power_crash();
}

static void take_memory(struct guest *guest, const struct boot_info *info)
{
	size_t needed = MEM_SIZE + LWIP_HEAP_SPARE;
	size_t wanted = memory_init(&guest->memory, info, needed);

	if (wanted) {
		console_printf("ERR: %zu KiB of memory are too little, %zu are needed\n",
			       info->memory_bytes / 1024, wanted / 1024);
		give_up("boot: too little memory");
	}
	lwip_heap = memory_take(&guest->memory, needed);
}

static void read_cmdline(struct guest *guest, const char *line)
{
	size_t length = strlen(line);
	int bad;

	if (length >= sizeof(guest->line))
		give_up("boot: command line longer than 4095 bytes");
	memcpy(guest->line, line, length + 1);
	bad = cmdline_parse(guest->line, &guest_variant, &guest->cmdline);
	if (bad)
		console_printf("WARN: parse command line: %d values ignored\n", bad);
}

static bool take_number(const char *argument, const char *name, uint64_t max, uint64_t *ret_value)
{
	size_t length = strlen(name);
	const char *value = argument + length;

	return !strncmp(argument, name, length) && cmdline_parse_number(&value, ret_value) &&
	       !*value && *ret_value && *ret_value <= max;
}

static void take_argument(struct guest *guest, const char *argument)
{
	uint64_t number;

	if (!strncmp(argument, "name=", 5))
		guest->pages.name = argument + 5;
	else if (take_number(argument, "port=", UINT16_MAX, &number))
		guest->port = (uint16_t)number;
	else if (take_number(argument, "exit_ms=", INT32_MAX, &number))
		guest->exit_ms = (uint32_t)number;
}

static void configure(struct guest *guest)
{
	const struct cmdline *c = &guest->cmdline;

	guest->port = 80;
	guest->pages = (struct pages){
		.cmdline = c,
		.server = &guest->server,
		.fs = &guest->files.fs,
		.memory = &guest->memory,
		.name = c->net.host ? c->net.host : "unikernel-web",
	};
	guest->server = (struct http_server){ .handler = pages_handle, .arg = &guest->pages };
	for (size_t i = 0; i < c->arg_count; i++)
		take_argument(guest, c->args[i]);
}

static void print_arguments(const struct cmdline *c)
{
	for (size_t i = 0; i < c->arg_count; i++)
		console_printf("arg: %s\n", c->args[i]);
	for (size_t i = 0; i < c->env_count; i++)
		console_printf("env: %s\n", c->env[i]);
}

static void serve(struct guest *guest)
{
	if (network_init(&guest->network, &guest->cmdline))
		give_up("boot: no network");
	if (http_server_start(&guest->server, guest->port))
		give_up("boot: cannot listen");
	console_printf("Listening on port %u after %u ms\n", guest->port, clock_ms());
}

void kernel_main(const struct boot_info *info)
{
	static struct guest guest;

	console_init();
	console_printf("Powered by Holm's unikernel-web %s with lwIP\n", guest_variant.version);
	trap_init();
	if (info->problem)
		give_up(info->problem);
	take_memory(&guest, info);
	irq_init();
	clock_init();
	read_cmdline(&guest, info->cmdline);
	configure(&guest);
	if (guest_variant.has_files && files_init(&guest.files, info, &guest.cmdline))
		give_up("boot: init function returned error -1: no file systems");
	if (guest_variant.has_network)
		serve(&guest);
	else
		print_arguments(&guest.cmdline);
	irq_enable();
	for (;;) {
		if (guest_variant.has_network)
			network_poll(&guest.network);
		irq_wait();
		if (guest.exit_ms && clock_ms() >= guest.exit_ms)
			power_exit();
	}
}
