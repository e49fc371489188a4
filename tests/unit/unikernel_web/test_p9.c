/* The 9P client against answers that a script gives: bytes as they go, and lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/p9.h"

enum {
	SIZE = 8192,
	R_VERSION = 101,
	R_ATTACH = 105,
	R_WALK = 111,
	R_LOPEN = 13,
	R_READ = 117,
	R_READDIR = 41,
	R_CLUNK = 121,
	R_LERROR = 7,
};

/* One answer of a script; its size is counted unless it is told. */
struct answer {
	uint8_t type;
	const char *body;
	size_t length;
	uint32_t told_size;
};

struct server {
	struct p9 p9;
	const struct answer *answers;
	size_t next;
	size_t count;
	uint8_t types[16]; /* of what was asked */
	uint8_t out[SIZE];
	uint8_t in[SIZE];
};

#define BODY(text) .body = text, .length = sizeof(text) - 1

static const struct answer version = { R_VERSION,
				       BODY("\0\x20\0\0\x08\0"
					    "9P2000.L"),
				       0 };
static const struct answer attached = { R_ATTACH, BODY("0123456789abc"), 0 };
static const struct answer clunked = { R_CLUNK, BODY(""), 0 };
static const struct answer no_entry = { R_LERROR, BODY("\x02\0\0\0"), 0 };
static const struct answer one_file = { R_WALK,
					BODY("\x01\0"
					     "\0"
					     "123456789abc"),
					0 };
static const struct answer one_folder = { R_WALK,
					  BODY("\x01\0"
					       "\x80"
					       "123456789abc"),
					  0 };
static const struct answer opened = { R_LOPEN, BODY("0123456789abc\0\0\0\0"), 0 };

static long answer(void *arg, size_t length)
{
	struct server *s = arg;
	const struct answer *a = &s->answers[s->next];
	uint32_t size;

	assert_true(s->next < s->count);
	assert_int_equal(length, s->out[0] | s->out[1] << 8);
	s->types[s->next++] = s->out[4];
	size = (uint32_t)(7 + a->length);
	if (a->told_size)
		memcpy(s->in, &a->told_size, 4);
	else
		memcpy(s->in, &size, 4);
	s->in[4] = a->type;
	s->in[5] = s->in[6] = 0;
	memcpy(s->in + 7, a->body, a->length);
	return (long)size;
}

static void script(struct server *s, const struct answer *answers, size_t count)
{
	*s = (struct server){ .answers = answers, .count = count };
	s->p9 = (struct p9){ .tag = "fs0",
			     .call = answer,
			     .arg = s,
			     .out = s->out,
			     .in = s->in,
			     .size = SIZE };
}

#define SCRIPT(s, answers) script(s, answers, sizeof(answers) / sizeof((answers)[0]))

enum {
	NAMES_SIZE = 256,
};

static void append(void *arg, const char *name, bool is_folder)
{
	char *names = arg;
	size_t length = strlen(names);

	snprintf(names + length, NAMES_SIZE - length, "%s%s", name, is_folder ? "/ " : " ");
}

static void attaches(void **state)
{
	const struct answer good[] = { version, attached };
	struct server *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	SCRIPT(s, good);
	assert_int_equal(p9_attach(&s->p9), 0);
	assert_int_equal(s->p9.size, SIZE);
	assert_memory_equal(s->types, "\x64\x68", 2);
	free(s);
}

static void refuses_other_versions(void **state)
{
	static const struct answer bad[] = {
		{ R_VERSION,
		  BODY("\0\x20\0\0\x08\0"
		       "9P2000.u"),
		  0 },
		{ R_VERSION,
		  BODY("\0\x20\0\0\x07\0"
		       "unknown"),
		  0 },
		{ R_VERSION,
		  BODY("\x01\x20\0\0\x08\0"
		       "9P2000.L"),
		  0 }, /* more than asked */
		{ R_VERSION,
		  BODY("\x10\0\0\0\x08\0"
		       "9P2000.L"),
		  0 }, /* too little */
		{ R_VERSION, BODY("\0\x20"), 0 },
		{ R_VERSION,
		  BODY("\0\x20\0\0\xff\xff"
		       "9P2000.L"),
		  0 },
		{ R_VERSION,
		  BODY("\0\x20\0\0\x08\0"
		       "9P2000.L"),
		  9 },
		{ R_ATTACH,
		  BODY("\0\x20\0\0\x08\0"
		       "9P2000.L"),
		  0 },
		{ R_LERROR, BODY(""), 0 },
		{ R_LERROR, BODY("\xff\xff\xff\xff"), 0 },
	};
	struct server *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		script(s, &bad[i], 1);
		assert_int_equal(p9_attach(&s->p9), -FS_EIO);
	}
	free(s);
}

static void reads_a_file_to_its_end(void **state)
{
	const struct answer answers[] = { one_file,
					  opened,
					  { R_READ, BODY("\x03\0\0\0abc"), 0 },
					  { R_READ, BODY("\x02\0\0\0de"), 0 },
					  { R_READ, BODY("\0\0\0\0"), 0 },
					  clunked };
	struct server *s = calloc(1, sizeof(*s));
	char data[5];

	(void)state;
	assert_non_null(s);
	SCRIPT(s, answers);
	assert_int_equal(p9_driver.read(&s->p9, "/f", data, sizeof(data)), 5);
	assert_memory_equal(data, "abcde", 5);
	assert_int_equal(s->next, 6);
	/* Longer than there is room: let go of at once. */
	{
		const struct answer longer[] = { one_file,
						 opened,
						 { R_READ, BODY("\x03\0\0\0abc"), 0 },
						 { R_READ, BODY("\x02\0\0\0de"), 0 },
						 clunked };

		SCRIPT(s, longer);
		assert_int_equal(p9_driver.read(&s->p9, "/f", data, 4), -FS_EFBIG);
		assert_int_equal(s->next, 5);
	}
	free(s);
}

static void tells_the_hosts_error(void **state)
{
	const struct answer missing[] = { no_entry };
	const struct answer half[] = { { R_WALK,
					 BODY("\x01\0"
					      "\x80"
					      "123456789abc"),
					 0 } };
	const struct answer folder[] = { one_folder, clunked };
	const struct answer denied[] = { one_file, { R_LERROR, BODY("\x0d\0\0\0"), 0 }, clunked };
	const struct answer lie[] = { one_file,
				      opened,
				      { R_READ, BODY("\xff\0\0\0abc"), 0 },
				      clunked };
	struct server *s = calloc(1, sizeof(*s));
	char data[8];

	(void)state;
	assert_non_null(s);
	SCRIPT(s, missing);
	assert_int_equal(p9_driver.read(&s->p9, "/f", data, sizeof(data)), -FS_ENOENT);
	SCRIPT(s, half);
	assert_int_equal(p9_driver.read(&s->p9, "/d/f", data, sizeof(data)), -FS_ENOENT);
	SCRIPT(s, folder);
	assert_int_equal(p9_driver.read(&s->p9, "/d", data, sizeof(data)), -FS_EISDIR);
	SCRIPT(s, denied);
	assert_int_equal(p9_driver.read(&s->p9, "/f", data, sizeof(data)), -FS_EACCES);
	assert_int_equal(s->next, 3);
	SCRIPT(s, lie);
	assert_int_equal(p9_driver.read(&s->p9, "/f", data, sizeof(data)), -FS_EIO);
	assert_int_equal(s->next, 4);
	free(s);
}

static void lists_a_folder(void **state)
{
#define QID "123456789abc"
	const struct answer answers[] = { one_folder,
					  opened,
					  { R_READDIR,
					    BODY("\x32\0\0\0"
						 "\0" QID "\x01\0\0\0\0\0\0\0\x04\x01\0."
						 "\0" QID "\x02\0\0\0\0\0\0\0\x08\x01\0f"),
					    0 },
					  { R_READDIR,
					    BODY("\x19\0\0\0"
						 "\x80" QID "\x03\0\0\0\0\0\0\0\0\x01\0d"),
					    0 },
					  { R_READDIR, BODY("\0\0\0\0"), 0 },
					  clunked };
	const struct answer lie[] = { one_folder,
				      opened,
				      { R_READDIR,
					BODY("\x19\0\0\0"
					     "\x80" QID "\x03\0\0\0\0\0\0\0\0\xff\0d"),
					0 },
				      clunked };
	struct server *s = calloc(1, sizeof(*s));
	char names[NAMES_SIZE] = "";

	(void)state;
	assert_non_null(s);
	SCRIPT(s, answers);
	assert_int_equal(p9_driver.list(&s->p9, "/d", append, names), 0);
	assert_string_equal(names, "f d/ ");
	assert_int_equal(s->next, 6);
	SCRIPT(s, lie);
	assert_int_equal(p9_driver.list(&s->p9, "/d", append, names), -FS_EIO);
	assert_int_equal(s->next, 4);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attaches),
		cmocka_unit_test(refuses_other_versions),
		cmocka_unit_test(reads_a_file_to_its_end),
		cmocka_unit_test(tells_the_hosts_error),
		cmocka_unit_test(lists_a_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
