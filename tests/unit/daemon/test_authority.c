/* What the server's own authority makes, keeps and makes again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/base.h"
#include "daemon/authority.h"
#include "daemon/names.h"
#include "wire/certificate/certificate.h"

#define DAY_S ((uint64_t)86400)
#define NOW_S ((uint64_t)1800000000)

struct fixture {
	char dir[64];
	char *sub; /* the authority's folder */
	struct strv names;
	struct authority_wish wish;
	struct secret certificate, key; /* of the last that was kept */
	struct err err;
};

static int set_up(void **state)
{
	struct fixture *f = NEW(struct fixture);

	STR_COPY(f->dir, "/tmp/holm-authority-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->sub = path_join(f->dir, "tls");
	strv_add(&f->names, "edge-1");
	strv_add(&f->names, "10.99.0.1");
	strv_add(&f->names, "fd00::1");
	strv_add(&f->names, "*.edge.example");
	f->wish = (struct authority_wish){ f->sub, "0123456789abcdef01234567", &f->names, NOW_S };
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	path_remove(f->dir, &f->err);
	strv_fini(&f->names);
	secret_fini(&f->certificate);
	secret_fini(&f->key);
	free(f->sub);
	free(f);
	return 0;
}

static int keep(struct fixture *f)
{
	return authority_keep(&f->wish, &f->certificate, &f->key, &f->err);
}

static void keep_well(struct fixture *f)
{
	if (keep(f) < 0)
		fail_msg("%s", f->err.msg);
}

static char *text_of(const struct fixture *f, const char *name)
{
	auto_free char *path = path_join(f->sub, name);
	char *text = NULL;
	struct err err;

	assert_int_equal(file_read(path, 65536, &text, NULL, &err), 0);
	return text;
}

/* Whether the file is as it was; takes what it was. */
static bool is_same(const struct fixture *f, const char *name, char *take_earlier)
{
	auto_free char *earlier = take_earlier;
	auto_free char *now = text_of(f, name);

	return str_eq(earlier, now);
}

static void remove_file(const struct fixture *f, const char *name)
{
	auto_free char *path = path_join(f->sub, name);

	assert_int_equal(unlink(path), 0);
}

static mode_t mode_of(const struct fixture *f, const char *name)
{
	auto_free char *path = path_join(f->sub, name);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void check_chain(const struct fixture *f)
{
	auto_free char *text = text_of(f, AUTHORITY_CA);
	struct secret ca = { 0 };
	struct err err;

	secret_set(&ca, text, strlen(text));
	assert_int_equal(certificate_check(&f->certificate, &f->key, &ca, &err), 0);
	secret_fini(&ca);
}

static void all_is_made_at_first_and_kept(void **state)
{
	struct fixture *f = *state;
	auto_certificate_facts struct certificate_facts facts = { 0 };

	keep_well(f);
	check_chain(f);
	assert_int_equal(certificate_read(&f->certificate, &facts, &f->err), 0);
	assert_true(strv_eq(&facts.names, &f->names));
	assert_int_equal(facts.from_s, NOW_S - 3600);
	assert_int_equal(facts.until_s, NOW_S + 90 * DAY_S);
	assert_int_equal(mode_of(f, "ca.key"), 0600);
	assert_int_equal(mode_of(f, "server.key"), 0600);
	assert_int_equal(mode_of(f, "ca.pem"), 0644);
	char *ca = text_of(f, "ca.pem");
	char *server = text_of(f, "server.pem");
	f->wish.now_s += 59 * DAY_S;
	keep_well(f);
	assert_true(is_same(f, "ca.pem", ca));
	assert_true(is_same(f, "server.pem", server));
}

static void a_certificate_is_made_again_before_its_end_with_the_same_key(void **state)
{
	struct fixture *f = *state;
	auto_certificate_facts struct certificate_facts earlier = { 0 };
	auto_certificate_facts struct certificate_facts later = { 0 };

	keep_well(f);
	assert_int_equal(certificate_read(&f->certificate, &earlier, &f->err), 0);
	char *ca = text_of(f, "ca.pem");
	f->wish.now_s += 61 * DAY_S;
	keep_well(f);
	assert_int_equal(certificate_read(&f->certificate, &later, &f->err), 0);
	assert_int_equal(later.until_s, f->wish.now_s + 90 * DAY_S);
	assert_string_equal(earlier.pin, later.pin);
	assert_true(str_starts(later.pin, "sha256//"));
	assert_true(is_same(f, "ca.pem", ca));
	check_chain(f);
}

static void who_trusts_the_first_authority_trusts_its_second_certificate(void **state)
{
	struct fixture *f = *state;
	struct secret first = { 0 };

	keep_well(f);
	auto_free char *text = text_of(f, "ca.pem");
	secret_set(&first, text, strlen(text));
	f->wish.now_s += 3300 * DAY_S;
	keep_well(f);
	assert_false(is_same(f, "ca.pem", xstrdup(text)));
	check_chain(f);
	assert_int_equal(certificate_check(&f->certificate, &f->key, &first, &f->err), 0);
	secret_fini(&first);
}

static void other_names_need_another_certificate(void **state)
{
	struct fixture *f = *state;
	auto_certificate_facts struct certificate_facts facts = { 0 };

	keep_well(f);
	strv_add(&f->names, "holm.example");
	keep_well(f);
	assert_int_equal(certificate_read(&f->certificate, &facts, &f->err), 0);
	assert_true(strv_eq(&facts.names, &f->names));
	check_chain(f);
	strv_add(&f->names, "not a name");
	assert_int_equal(keep(f), -EINVAL);
	assert_non_null(strstr(f->err.msg, "not a name"));
}

static void what_is_missing_is_made_and_a_lost_key_is_told(void **state)
{
	struct fixture *f = *state;

	keep_well(f);
	char *ca = text_of(f, "ca.pem");
	remove_file(f, "server.pem");
	keep_well(f);
	assert_true(is_same(f, "ca.pem", ca));
	remove_file(f, "ca.key");
	assert_int_equal(keep(f), -ENOENT);
	assert_non_null(strstr(f->err.msg, "ca.key is missing"));
	remove_file(f, "ca.pem");
	/* A new authority: what the earlier one issued is issued again. */
	keep_well(f);
	check_chain(f);
}

static void what_others_can_read_or_nobody_understands_is_refused(void **state)
{
	struct fixture *f = *state;
	auto_free char *key = path_join(f->sub, "ca.key");
	auto_free char *ca = path_join(f->sub, "ca.pem");

	keep_well(f);
	assert_int_equal(chmod(key, 0640), 0);
	assert_int_equal(keep(f), -EACCES);
	assert_int_equal(chmod(key, 0600), 0);
	assert_int_equal(file_write_atomic(ca, "junk", 4, 0644, &f->err), 0);
	assert_int_equal(keep(f), -EBADMSG);
	assert_true(is_same(f, "ca.pem", xstrdup("junk")));
}

static void names_of_certificates(void **state)
{
	static const char *const good[] = {
		"a",   "edge-1.example",        "*.example", "10.0.0.1", "fd00::1",
		"A_b", "xn--bcher-kva.example", "localhost"
	};
	static const char *const bad[] = { "",    ".",       "a..b", "a b",     "-a",
					   "a-",  "*",       "*.",   "a.*.b",   "a,b",
					   "a:1", "fd00::g", "a/b",  "example." };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!certificate_is_name(good[i]))
			fail_msg("%s was refused", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (certificate_is_name(bad[i]))
			fail_msg("%s was taken", bad[i]);
}

static void names_of_this_machine(void **state)
{
	auto_strv struct strv more = { 0 };
	auto_strv struct strv one = { 0 };
	auto_strv struct strv odd = { 0 };
	auto_strv struct strv all = { 0 };
	auto_strv struct strv again = { 0 };

	strv_add(&more, "holm.example");
	strv_add(&more, "localhost");
	names_collect("edge-1", "10.99.0.1", &more, &one);
	auto_free char *text = strv_join(&one, " ");
	assert_string_equal(text, "edge-1 localhost 127.0.0.1 ::1 10.99.0.1 holm.example");
	names_collect("no name", "127.0.0.1", &more, &odd);
	auto_free char *odd_text = strv_join(&odd, " ");
	assert_string_equal(odd_text, "localhost 127.0.0.1 ::1 holm.example");
	names_collect("edge-1", "0.0.0.0", &more, &all);
	names_collect("edge-1", "0.0.0.0", &more, &again);
	assert_true(strv_eq(&all, &again));
	assert_false(strv_has(&all, "0.0.0.0"));
	for (size_t i = 0; i < all.n; i++)
		assert_true(certificate_is_name(all.items[i]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_is_made_at_first_and_kept),
		TEST(a_certificate_is_made_again_before_its_end_with_the_same_key),
		TEST(who_trusts_the_first_authority_trusts_its_second_certificate),
		TEST(other_names_need_another_certificate),
		TEST(what_is_missing_is_made_and_a_lost_key_is_told),
		TEST(what_others_can_read_or_nobody_understands_is_refused),
		TEST(names_of_certificates),
		TEST(names_of_this_machine),
	};

	return cmocka_run_group_tests_name("daemon/authority", tests, NULL, NULL);
}
