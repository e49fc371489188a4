/* What is shown to people who wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "cli/watch/live.h"

struct shown {
	struct live live;
	struct follow follow;
	struct cli_call call;
	char *text;
	size_t len;
};

static struct shown *begin(bool is_tty)
{
	struct shown *s = NEW(struct shown);
	char *names[] = { (char *)(uintptr_t) "a.d.web.d", NULL };
	const struct plan_view plan = { .services = { names, 1 } };

	s->call.out = open_memstream(&s->text, &s->len);
	s->call.is_tty = s->call.is_colored = is_tty;
	follow_init(&s->follow, &plan);
	live_init(&s->live, &s->call, false);
	return s;
}

static void end(struct shown *s, const char *expected)
{
	live_fini(&s->live);
	follow_fini(&s->follow);
	fclose(s->call.out);
	assert_string_equal(s->text, expected);
	free(s->text);
	free(s);
}

static void tell(struct shown *s, const char *state, const char *reason, uint32_t percent)
{
	const struct instance_view view = {
		.id = "00000000000000000000000a",
		.app = (char *)(uintptr_t) "a.d",
		.service = (char *)(uintptr_t) "web.d",
		.state = (char *)(uintptr_t)state,
		.reason = (char *)(uintptr_t)reason,
		.progress_percent = percent,
	};

	follow_instance(&s->follow, &view);
	live_show(&s->live, &s->follow);
}

static void plain_lines_tell_changes_alone(void **state)
{
	struct shown *s = begin(false);

	tell(s, "CREATING", "accepted", 0);
	tell(s, "CREATING", "accepted", 0);
	tell(s, "CREATING", "pulling 5 %", 5);
	tell(s, "CREATING", "pulling 45 %", 45);
	tell(s, "RUNNING", "", 0);
	tell(s, "UNDEPLOYED", "removed", 0);
	follow_instance_gone(&s->follow, "00000000000000000000000a");
	live_show(&s->live, &s->follow);
	end(s, "web.d.0: CREATING: accepted\n"
	       "web.d.0: CREATING: pulling 5 %\n"
	       "web.d.0: RUNNING\n"
	       "web.d.0: removed\n");
}

static void a_terminal_is_redrawn(void **state)
{
	struct shown *s = begin(true);

	tell(s, "CREATING", "pulling 45 %", 45);
	tell(s, "FAILED", "a\033[31mb", 0);
	end(s, "  web.d.0  \033[33mCREATING\033[0m            "
	       "\033[2m[#########···········] 45 %\033[0m\n"
	       "\033[1A\033[J"
	       "  web.d.0  \033[31mFAILED\033[0m              \033[2ma?[31mb\033[0m\n");
}

static void a_line_fits_the_terminal(void **state)
{
	static const char reason[] = "0123456789012345678901234567890123456789"
				     "0123456789012345678901234567890123456789";
	struct shown *s = begin(true);

	s->call.is_colored = false;
	tell(s, "FAILED", reason, 0);
	end(s, "  web.d.0  FAILED              "
	       "012345678901234567890123456789012345678901234567…\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_lines_tell_changes_alone),
		cmocka_unit_test(a_terminal_is_redrawn),
		cmocka_unit_test(a_line_fits_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
