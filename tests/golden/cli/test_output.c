/* What people see of the command line, against files. HOLM_UPDATE_GOLDEN=1 rewrites them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "cli/columns.h"
#include "cli/node/node.h"
#include "cli/plan.h"
#include "cli/private.h"

#define NOW_MS   1795440000000 /* 2026-11-23T13:20:00Z */
#define FILE_MAX ((size_t)1 << 20)

static char *golden_path(const char *name)
{
	const char *source = getenv("HOLM_SOURCE");

	assert_non_null(source);
	return xasprintf("%s/tests/golden/cli/%s", source, name);
}

static void compare(const char *name, const char *text)
{
	auto_free char *path = golden_path(name);
	auto_free char *expected = NULL;
	struct err err;

	if (getenv("HOLM_UPDATE_GOLDEN"))
		assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, &err), 0);
	assert_int_equal(file_read(path, FILE_MAX, &expected, NULL, &err), 0);
	assert_string_equal(text, expected);
}

/* A stream whose text is compared when it is closed. */
struct capture {
	FILE *out;
	char *text;
	size_t len;
};

static void capture_begin(struct capture *capture)
{
	*capture = (struct capture){ 0 };
	capture->out = open_memstream(&capture->text, &capture->len);
}

static void capture_compare(struct capture *capture, const char *name)
{
	fclose(capture->out);
	compare(name, capture->text);
	free(capture->text);
}

static void help(void **state)
{
	struct capture capture;

	capture_begin(&capture);
	help_print_overview(NULL, capture.out);
	for (size_t i = 0; command_at(NULL, i); i++) {
		fprintf(capture.out, "\n$ holm help %s\n", command_at(NULL, i)->name);
		help_print_command(command_at(NULL, i), capture.out);
	}
	capture_compare(&capture, "help.txt");
}

/* `holm get` lists all kinds but the images of a node. */
static const struct listing *listing_of(const char *kind)
{
	return str_eq(kind, image_listing.name) ? &image_listing : listing_find(kind);
}

static void check_listing(const char *kind, bool is_wide, bool is_colored, const char *golden)
{
	auto_free char *name = xasprintf("%s.json", kind);
	auto_free char *path = golden_path(name);
	auto_free char *json = NULL;
	struct listing_output output = { .is_wide = is_wide,
					 .is_colored = is_colored,
					 .now_ms = NOW_MS };
	struct capture capture;
	struct err err;

	assert_int_equal(file_read(path, FILE_MAX, &json, NULL, &err), 0);
	capture_begin(&capture);
	output.out = capture.out;
	assert_int_equal(listing_print(listing_of(kind), json, &output, &err), 0);
	capture_compare(&capture, golden);
}

static void tables(void **state)
{
	check_listing("apps", false, false, "apps.txt");
	check_listing("services", false, false, "services.txt");
	check_listing("services", true, false, "services_wide.txt");
	check_listing("instances", false, false, "instances.txt");
	check_listing("instances", true, false, "instances_wide.txt");
	check_listing("instances", false, true, "instances_color.txt");
	check_listing("images", false, false, "images.txt");
	check_listing("images", true, false, "images_wide.txt");
	check_listing("nodes", false, false, "nodes.txt");
	check_listing("nodes", true, false, "nodes_wide.txt");
	check_listing("secrets", false, false, "secrets.txt");
	check_listing("secrets", true, false, "secrets_wide.txt");
	check_listing("stats", false, false, "stats.txt");
}

static void a_node(void **state)
{
	auto_free char *node_path = golden_path("node.json");
	auto_free char *instances_path = golden_path("instances.json");
	auto_free char *node = NULL;
	auto_free char *instances = NULL;
	struct capture capture;
	struct err err;

	assert_int_equal(file_read(node_path, FILE_MAX, &node, NULL, &err), 0);
	assert_int_equal(file_read(instances_path, FILE_MAX, &instances, NULL, &err), 0);
	capture_begin(&capture);
	assert_int_equal(node_print(node, instances, false, capture.out, &err), 0);
	capture_compare(&capture, "node.txt");
}

static void a_plan(void **state)
{
	auto_free char *path = golden_path("plan.json");
	auto_free char *json = NULL;
	struct plan_view plan = { 0 };
	struct capture capture;
	struct cli_call call = { 0 };
	struct err err;

	assert_int_equal(file_read(path, FILE_MAX, &json, NULL, &err), 0);
	assert_int_equal(
		fields_parse_text(&plan_view_table, json, &plan, FIELD_UNKNOWN_ERROR, &err), 0);
	capture_begin(&capture);
	call.out = call.err = capture.out;
	plan_print(&call, &plan);
	capture_compare(&capture, "plan.txt");
	fields_fini(&plan_view_table, &plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help),
		cmocka_unit_test(tables),
		cmocka_unit_test(a_node),
		cmocka_unit_test(a_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
