/* The guest's command line: Unikraft's rules, each with the line that shows it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmdline.h"

struct fixture {
	char *line;
	struct cmdline c;
	int bad;
	struct variant variant;
};

/* A copy of exact size, so that the sanitizer sees a byte too many. */
static void parse(struct fixture *f, const char *line)
{
	free(f->line);
	f->line = strdup(line);
	assert_non_null(f->line);
	f->bad = cmdline_parse(f->line, &f->variant, &f->c);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->variant = (struct variant){ .has_network = true, .has_mmio = true, .has_files = true };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->line);
	free(f);
	return 0;
}

static void reads_the_newer_network_syntax(void **state)
{
	struct fixture *f = *state;
	const struct cmdline_net *net = &f->c.net;

	parse(f, "/k app netdev.ip=10.0.2.15/24:10.0.2.2:10.0.2.3:1.1.1.1:web:example.org -- a");
	assert_int_equal(f->bad, 0);
	assert_int_equal(net->address, 0x0A00020F);
	assert_int_equal(net->mask, 0xFFFFFF00);
	assert_int_equal(net->gateway, 0x0A000202);
	assert_int_equal(net->dns[0], 0x0A000203);
	assert_int_equal(net->dns[1], 0x01010101);
	assert_string_equal(net->host, "web");
	assert_string_equal(net->domain, "example.org");
}

static void leaves_empty_network_fields_unset(void **state)
{
	struct fixture *f = *state;

	parse(f, "/k app netdev.ip=10.0.0.2/32:::9.9.9.9::d --");
	assert_int_equal(f->bad, 0);
	assert_int_equal(f->c.net.mask, 0xFFFFFFFF);
	assert_int_equal(f->c.net.gateway, 0);
	assert_int_equal(f->c.net.dns[0], 0);
	assert_int_equal(f->c.net.dns[1], 0x09090909);
	assert_null(f->c.net.host);
	assert_string_equal(f->c.net.domain, "d");
}

static void reads_the_older_network_syntax(void **state)
{
	struct fixture *f = *state;

	parse(f, "/k a netdev.ipv4_addr=10.1.2.3 netdev.ipv4_gw_addr=10.1.2.1 "
		 "netdev.ipv4_subnet_mask=255.255.0.0 --");
	assert_int_equal(f->bad, 0);
	assert_int_equal(f->c.net.address, 0x0A010203);
	assert_int_equal(f->c.net.gateway, 0x0A010201);
	assert_int_equal(f->c.net.mask, 0xFFFF0000);
}

static void counts_values_that_are_no_values(void **state)
{
	static const char *const words[] = {
		"netdev.ip=10.0.0/24",
		"netdev.ip=10.0.0.1/33",
		"netdev.ip=10.0.0.256/24",
		"netdev.ip=10.0.0.1/24:x",
		"netdev.ipv4_addr=1.2.3.4x",
		"virtio_mmio.device=512",
		"virtio_mmio.device=512@0xfeb",
		"virtio_mmio.device=512@0x:5",
		"virtio_mmio.device=99999999999999999999@0:5",
	};
	struct fixture *f = *state;
	char line[128];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		snprintf(line, sizeof(line), "/k a %s --", words[i]);
		parse(f, line);
		assert_int_equal(f->bad, 1);
		assert_int_equal(f->c.mmio_count, 0);
	}
}

static void finds_mmio_devices_under_both_names(void **state)
{
	struct fixture *f = *state;

	parse(f, "/k a virtio_mmio.device=512@0xfeb00000:5 "
		 "libvirtio_mmio.device=0x200@0xFEB00200:6 --");
	assert_int_equal(f->bad, 0);
	assert_int_equal(f->c.mmio_count, 2);
	assert_int_equal(f->c.mmio[0].base, 0xFEB00000);
	assert_int_equal(f->c.mmio[0].size, 512);
	assert_int_equal(f->c.mmio[0].irq, 5);
	assert_int_equal(f->c.mmio[1].base, 0xFEB00200);
	assert_int_equal(f->c.mmio[1].size, 512);
	assert_int_equal(f->c.mmio[1].irq, 6);
}

static void takes_a_device_told_twice_as_one(void **state)
{
	struct fixture *f = *state;

	parse(f, "/k a virtio_mmio.device=512@0xfeb00000:5 libvirtio_mmio.device=512@0xfeb00000:5 "
		 "virtio_mmio.device=512@0xfeb00200:6 libvirtio_mmio.device=512@0xfeb00200:6 --");
	assert_int_equal(f->bad, 0);
	assert_int_equal(f->c.mmio_count, 2);
	assert_int_equal(f->c.mmio[1].base, 0xFEB00200);
}

static void reads_lists_in_all_their_forms(void **state)
{
	struct fixture *f = *state;

	parse(f, "/k a env.vars=[ \"A=1\" 'B=x y' ] env.vars=C=2 env.vars=[\"D=3\"] "
		 "vfs.fstab=[ \"initrd0:/:extract::ramfs=2:\" ] uk.pad=1 --");
	assert_int_equal(f->bad, 0);
	assert_int_equal(f->c.env_count, 4);
	assert_string_equal(f->c.env[0], "A=1");
	assert_string_equal(f->c.env[1], "B=x y");
	assert_string_equal(f->c.env[2], "C=2");
	assert_string_equal(f->c.env[3], "D=3");
}

static void counts_variables_beyond_the_limit(void **state)
{
	struct fixture *f = *state;

	parse(f, "/k a env.vars=[ 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 ] --");
	assert_int_equal(f->c.env_count, CMDLINE_ENV);
	assert_int_equal(f->bad, 2);
}

static void groups_quoted_words(void **state)
{
	struct fixture *f = *state;

	parse(f, "/k a -- \"a b\" 'c \"d\"' e'f g'h, \"\" 'open end");
	assert_int_equal(f->c.arg_count, 5);
	assert_string_equal(f->c.args[0], "a b");
	assert_string_equal(f->c.args[1], "c \"d\"");
	assert_string_equal(f->c.args[2], "ef gh,");
	assert_string_equal(f->c.args[3], "");
	assert_string_equal(f->c.args[4], "open end");
}

static void gives_everything_to_the_application_without_separator(void **state)
{
	struct fixture *f = *state;

	parse(f, "/k app netdev.ip=10.0.0.2/24");
	assert_int_equal(f->c.net.address, 0);
	assert_int_equal(f->c.arg_count, 2);
	assert_string_equal(f->c.args[1], "netdev.ip=10.0.0.2/24");
}

static void takes_a_leading_separator_as_an_argument(void **state)
{
	struct fixture *f = *state;

	parse(f, "/k -- exit 5");
	assert_int_equal(f->c.arg_count, 3);
	assert_string_equal(f->c.args[0], "--");
	parse(f, "/k app -- exit -- 5");
	assert_int_equal(f->c.arg_count, 3);
	assert_string_equal(f->c.args[1], "--");
}

static void keeps_what_is_beyond_the_last_word_together(void **state)
{
	struct fixture *f = *state;
	char line[512] = "/k a --";
	size_t length = strlen(line);

	for (int i = 0; i < 70; i++)
		length += (size_t)snprintf(line + length, sizeof(line) - length, " w%d", i);
	parse(f, line);
	assert_int_equal(f->c.arg_count, CMDLINE_WORDS - 3);
	assert_string_equal(f->c.args[55], "w55");
	assert_string_equal(f->c.args[56],
			    "w56 w57 w58 w59 w60 w61 w62 w63 w64 w65 w66 w67 w68 w69");
}

static void knows_only_what_its_variant_has(void **state)
{
	static const char line[] = "/k a netdev.ip=10.0.0.2/24 virtio_mmio.device=512@0xfeb00000:5 "
				   "netdev.ipv4_addr=10.1.2.3 --";
	struct fixture *f = *state;

	f->variant.has_old_network = true;
	parse(f, line);
	assert_int_equal(f->c.net.address, 0x0A010203);
	assert_int_equal(f->c.net.mask, 0);
	assert_int_equal(f->c.mmio_count, 1);

	f->variant = (struct variant){ .has_mmio = false };
	parse(f, line);
	assert_int_equal(f->bad, 0);
	assert_int_equal(f->c.net.address, 0);
	assert_int_equal(f->c.mmio_count, 0);
}

static void finds_variables_by_name(void **state)
{
	struct fixture *f = *state;

	parse(f, "/k a env.vars=[ AB=1 \"A=x y\" A=2 E= ] --");
	assert_string_equal(cmdline_env(&f->c, "A"), "x y");
	assert_string_equal(cmdline_env(&f->c, "AB"), "1");
	assert_string_equal(cmdline_env(&f->c, "E"), "");
	assert_null(cmdline_env(&f->c, "B"));
	assert_null(cmdline_env(&f->c, ""));
}

static void survives_short_lines(void **state)
{
	static const char *const lines[] = { "", " ", "/k", "/k --", "--", "/k a [ --", "'", "=" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		parse(f, lines[i]);
		assert_int_equal(f->bad, 0);
		assert_int_equal(f->c.net.address, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_the_newer_network_syntax, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_empty_network_fields_unset, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_the_older_network_syntax, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_values_that_are_no_values, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_mmio_devices_under_both_names, setup,
						teardown),
		cmocka_unit_test_setup_teardown(takes_a_device_told_twice_as_one, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_lists_in_all_their_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_variables_beyond_the_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(groups_quoted_words, setup, teardown),
		cmocka_unit_test_setup_teardown(
			gives_everything_to_the_application_without_separator, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_a_leading_separator_as_an_argument, setup,
						teardown),
		cmocka_unit_test_setup_teardown(keeps_what_is_beyond_the_last_word_together, setup,
						teardown),
		cmocka_unit_test_setup_teardown(knows_only_what_its_variant_has, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_variables_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_short_lines, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
