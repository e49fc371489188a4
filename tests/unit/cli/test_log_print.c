/* Records to lines on two streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/session/log_print.h"

#define T "2026-11-23T13:18:02.123456789Z "

struct outputs {
	struct log_print print;
	char *out;
	char *err;
	size_t n_out;
	size_t n_err;
};

static void init(struct outputs *o)
{
	*o = (struct outputs){ 0 };
	log_print_init(&o->print);
	o->print.out = open_memstream(&o->out, &o->n_out);
	o->print.err = open_memstream(&o->err, &o->n_err);
}

static void expect(struct outputs *o, const char *out, const char *err)
{
	fclose(o->print.out);
	fclose(o->print.err);
	assert_string_equal(o->out, out);
	assert_string_equal(o->err, err);
	free(o->out);
	free(o->err);
	log_print_fini(&o->print);
}

static void feed(struct outputs *o, const char *text)
{
	assert_int_equal(log_print_feed(&o->print, text, strlen(text)), 0);
}

static void each_to_its_stream(void **state)
{
	static const char text[] = T "stdout F one\n" T "stderr F two  words\n" T "stdout F \n";
	struct outputs o;

	init(&o);
	for (size_t i = 0; i < strlen(text); i++)
		assert_int_equal(log_print_feed(&o.print, text + i, 1), 0);
	expect(&o, "one\n\n", "two  words\n");
}

static void parts_make_a_line(void **state)
{
	struct outputs o;

	init(&o);
	o.print.shows_time = true;
	feed(&o, T "stdout P a"
		   "\n" T "stdout P b\n" T "stdout F c\n");
	feed(&o, T "stdout P d\n" T "stderr F e\n" T "stdout F f\n");
	expect(&o, T "abc\n" T "d\n" T "f\n", T "e\n");
}

static void names_of_instances(void **state)
{
	struct outputs o;

	init(&o);
	o.print.has_names = true;
	feed(&o, "web.0 " T "stdout F a\nweb.11 " T "stderr F b\n");
	expect(&o, "web.0 | a\n", "web.11 | b\n");
}

static void lines_of_two_instances_stay_apart(void **state)
{
	struct outputs o;

	init(&o);
	o.print.has_names = true;
	feed(&o, "web.0 " T "stdout P a\nweb.1 " T "stdout P b\nweb.1 " T "stdout F c\n");
	feed(&o, "web.0 " T "stdout P d\nweb.0 " T "stdout P e\nweb.1 " T "stdout F f\n");
	feed(&o, "web.0 " T "stdout F g\n");
	expect(&o, "web.0 | a\nweb.1 | bc\nweb.0 | de\nweb.1 | f\nweb.0 | g\n", "");
}

static void what_is_no_record_is_an_error(void **state)
{
	struct outputs o;

	init(&o);
	feed(&o, T "stdout F a\n\nholm: the log ends here: gone\n");
	expect(&o, "a\n", "holm: the log ends here: gone\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_to_its_stream),
		cmocka_unit_test(parts_make_a_line),
		cmocka_unit_test(names_of_instances),
		cmocka_unit_test(lines_of_two_instances_stay_apart),
		cmocka_unit_test(what_is_no_record_is_an_error),
	};

	return cmocka_run_group_tests_name("cli/log_print", tests, NULL, NULL);
}
