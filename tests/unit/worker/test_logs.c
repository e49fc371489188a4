/* Logs as streams, against real files and a real loop. */
#include <sys/resource.h>

#include "kit.h"

#define DEADLINE_MS 60000 /* on a machine with much else to do */

struct reader {
	struct fixture *f;
	struct stream *stream;
	struct buf got;
	bool is_ended;
	struct err err;
	bool is_full;
	const char *awaited; /* the loop stops once this has come */
	size_t close_at;     /* closes the stream from inside, at so many bytes; 0: never */
};

struct fixture {
	struct kit *kit; /* only its disks */
	struct loop *loop;
	struct bus *bus;
	struct stream_hub *hub;
	struct worker *worker;
	char *path; /* of ID_1's log */
	char *older;
};

static void too_late(void *arg)
{
	abort();
}

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);
	struct err err = { 0 };
	void *kit;

	kit_setup(&kit);
	f->kit = kit;
	kit_crash(f->kit);
	f->loop = loop_new();
	f->bus = bus_local_new(f->loop);
	f->hub = stream_hub_new();
	f->kit->config.loop = f->loop;
	f->kit->config.bus = f->bus;
	f->kit->config.streams = f->hub;
	f->kit->config.ready = NULL;
	auto_free char *dir = path_join(f->kit->dir, "logs");
	assert_int_equal(dir_make(dir, 0755, &err), 0);
	f->path = xasprintf("%s/" ID_1 ".log", dir);
	f->older = xasprintf("%s.1", f->path);
	f->worker = worker_new(&f->kit->config, &err);
	if (!f->worker)
		fail_msg("%s", err.msg);
	timer_start(f->loop, DEADLINE_MS, too_late, NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *kit = f->kit;

	bus_free(f->bus);
	loop_free(f->loop);
	worker_free(f->worker);
	stream_hub_free(f->hub);
	free(f->path);
	free(f->older);
	kit_teardown(&kit);
	free(f);
	return 0;
}

static void add(const struct fixture *f, const char *text)
{
	FILE *file = fopen(f->path, "a");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void turn(const struct fixture *f)
{
	assert_int_equal(rename(f->path, f->older), 0);
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct reader *r = arg;

	assert_int_equal(buf_add(&r->got, data, len), 0);
	if (r->close_at && r->got.len >= r->close_at)
		stream_close(TAKE(r->stream));
	if (!r->stream || (r->awaited && str_ends(r->got.data, r->awaited)))
		loop_stop(r->f->loop);
}

static void on_end(void *arg, const struct err *err)
{
	struct reader *r = arg;

	r->is_ended = true;
	r->err = *err;
	r->stream = NULL;
	loop_stop(r->f->loop);
}

static bool is_full(void *arg)
{
	return ((struct reader *)arg)->is_full;
}

static void open_log(struct fixture *f, struct reader *r, const char *request)
{
	const struct stream_reader reader = { .data = on_data,
					      .end = on_end,
					      .is_full = is_full,
					      .arg = r };
	struct err err = { 0 };

	*r = (struct reader){ .f = f };
	buf_init(&r->got, 64 << 20);
	r->stream = stream_open(f->hub, NODE, request, &reader, &err);
	assert_non_null(r->stream);
}

static void await(struct reader *r, const char *text)
{
	r->awaited = text;
	if (!str_ends(r->got.data, text))
		loop_run(r->f->loop);
	if (!str_ends(r->got.data, text))
		fail_msg("got \"%s\", awaited \"%s\"", r->got.data, text);
}

static void read_all(struct fixture *f, const char *request, const char *expected)
{
	struct reader r;

	open_log(f, &r, request);
	loop_run(f->loop);
	assert_true(r.is_ended);
	assert_int_equal(r.err.code, 0);
	assert_string_equal(r.got.data, expected);
	buf_fini(&r.got);
}

static void the_whole_and_its_end(void **state)
{
	struct fixture *f = *state;

	read_all(f, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\"}", "");
	add(f, "1\n2\n3\n");
	read_all(f, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\"}", "1\n2\n3\n");
	turn(f);
	read_all(f, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\",\"tail\":2}", "2\n3\n");
	add(f, "4\n5"); /* a line that is being written */
	read_all(f, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\"}", "1\n2\n3\n4\n5");
	read_all(f, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\",\"tail\":0}", "");
	read_all(f, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\",\"tail\":1}", "5");
	read_all(f, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\",\"tail\":3}", "3\n4\n5");
	read_all(f, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\",\"tail\":5}", "1\n2\n3\n4\n5");
	read_all(f, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\",\"tail\":100}", "1\n2\n3\n4\n5");
	read_all(f, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\",\"tail\":-1}", "1\n2\n3\n4\n5");
	read_all(f, "{\"kind\":\"logs\",\"instance\":\"" ID_2 "\",\"tail\":3}", "");
}

static void bad_requests(void **state)
{
	static const char *const bad[] = { "",
					   "[]",
					   "{}",
					   "{\"kind\":\"logs\"}",
					   "{\"kind\":\"golf\"}",
					   "{\"kind\":\"logs\",\"instance\":\"../../passwd\"}",
					   "{\"kind\":\"logs\",\"instance\":7,\"follow\":true}" };
	struct fixture *f = *state;
	struct err err = { 0 };
	const struct stream_reader nobody = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct reader r;

		open_log(f, &r, bad[i]);
		loop_run(f->loop);
		assert_true(r.is_ended);
		assert_int_equal(r.err.code, -EINVAL);
		buf_fini(&r.got);
	}
	assert_null(stream_open(f->hub, OTHER, "{}", &nobody, &err));
	assert_int_equal(err.code, -EHOSTUNREACH);
}

#define PREVIOUS "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\",\"previous\":true}"

static void an_earlier_run_that_was_not(void **state)
{
	struct fixture *f = *state;
	struct reader r;

	add(f, "1\n");
	open_log(f, &r, PREVIOUS);
	loop_run(f->loop);
	assert_true(r.is_ended);
	assert_int_equal(r.err.code, -ENOENT);
	assert_string_equal(r.got.data, "");
	buf_fini(&r.got);
}

#define FOLLOW "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\",\"follow\":true,\"tail\":1}"

/* No descriptor is left from here on. */
static void use_up_descriptors(struct rlimit *ret_before)
{
	int next = dup(0);

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, ret_before), 0);
	struct rlimit now = { (rlim_t)next, ret_before->rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
}

static void one_that_cannot_be_opened(void **state)
{
	struct fixture *f = *state;
	struct rlimit before;
	struct reader r;

	add(f, "one\n");
	use_up_descriptors(&before);
	open_log(f, &r, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\"}");
	loop_run(f->loop);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(r.err.code, -EMFILE);
	buf_fini(&r.got);
	/* It cannot be followed either. */
	use_up_descriptors(&before);
	open_log(f, &r, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\",\"follow\":true}");
	loop_run(f->loop);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(r.err.code, -EMFILE);
	buf_fini(&r.got);
	/* One that is followed ends when the next file cannot be had; it is not tried for ever. */
	open_log(f, &r, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\",\"follow\":true}");
	await(&r, "one\n");
	turn(f);
	add(f, "two\n");
	use_up_descriptors(&before);
	loop_run(f->loop);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_true(r.is_ended);
	assert_int_equal(r.err.code, -EMFILE);
	buf_fini(&r.got);
}

static void following(void **state)
{
	struct fixture *f = *state;
	struct reader r;

	open_log(f, &r, FOLLOW); /* before there is a file */
	add(f, "1\n");
	await(&r, "1\n");
	add(f, "2\n");
	await(&r, "2\n");
	turn(f);
	add(f, "3\n");
	await(&r, "3\n");
	add(f, "4\n");
	turn(f);
	add(f, "5\n");
	turn(f); /* again before anybody looked */
	add(f, "6\n");
	await(&r, "6\n");
	assert_string_equal(r.got.data, "1\n2\n3\n4\n5\n6\n");
	assert_false(r.is_ended);
	stream_close(r.stream);
	buf_fini(&r.got);
	/* What others log is no reason to look. */
	open_log(f, &r, FOLLOW);
	await(&r, "6\n");
	assert_string_equal(r.got.data, "6\n");
	stream_close(r.stream);
	buf_fini(&r.got);
}

/* Two files are kept, so a turn has to wait until all is read that was there before the last one. */
struct writer {
	struct fixture *f;
	const struct reader *reader;
	unsigned n;
	size_t len;
	size_t turned_at; /* so many bytes were written before the last turn */
};

#define N_LINES 400

static void write_line(struct writer *w)
{
	auto_free char *line = xasprintf("line %u\n", w->n++);

	w->len += strlen(line);
	add(w->f, line);
}

static void write_some(void *arg)
{
	struct writer *w = arg;

	write_line(w);
	if (w->reader->got.len >= w->turned_at) {
		turn(w->f);
		w->turned_at = w->len;
		write_line(w);
	}
	if (w->n < N_LINES)
		timer_start(w->f->loop, 1, write_some, w);
	else
		add(w->f, "end\n");
}

static void nothing_is_lost_or_told_twice(void **state)
{
	struct fixture *f = *state;
	struct reader r;
	struct writer w = { .f = f, .reader = &r };
	auto_buf struct buf expected;

	open_log(f, &r, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\",\"follow\":true}");
	write_some(&w);
	await(&r, "end\n");
	buf_init(&expected, 1 << 20);
	for (unsigned i = 0; i < w.n; i++)
		buf_addf(&expected, "line %u\n", i);
	buf_add_str(&expected, "end\n");
	assert_string_equal(r.got.data, expected.data);
	stream_close(r.stream);
	buf_fini(&r.got);
}

static void readers_that_go_away(void **state)
{
	struct fixture *f = *state;
	struct reader r[3];

	add(f, "1\n2\n");
	/* At once, during the read; from inside of data; and while it waits for more. */
	open_log(f, &r[0], FOLLOW);
	stream_close(r[0].stream);
	open_log(f, &r[1], FOLLOW);
	r[1].close_at = 1;
	open_log(f, &r[2], FOLLOW);
	while (r[1].stream)
		loop_run(f->loop);
	await(&r[2], "2\n");
	stream_close(r[2].stream);
	assert_int_equal(r[0].got.len, 0);
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		buf_fini(&r[i].got);
	/* And readers that are there when the worker goes. */
	open_log(f, &r[0], FOLLOW);
	buf_fini(&r[0].got);
	buf_init(&r[0].got, 1 << 20);
	await(&r[0], "2\n");
	open_log(f, &r[1], FOLLOW);
	buf_fini(&r[0].got);
	buf_fini(&r[1].got);
}

static void make_room(void *arg)
{
	struct reader *r = arg;

	assert_int_equal(r->got.len, 0);
	r->is_full = false;
	stream_drained(r->stream);
	assert_int_equal(r->got.len, 0); /* on a later turn */
}

static void a_slow_reader(void **state)
{
	struct fixture *f = *state;
	struct reader r;
	auto_free char *text = xmalloc((1 << 20) + 1);

	memset(text, 'x', 1 << 20);
	text[(1 << 20) - 1] = '\n';
	text[1 << 20] = '\0';
	add(f, text);
	open_log(f, &r, "{\"kind\":\"logs\",\"instance\":\"" ID_1 "\"}");
	r.is_full = true;
	timer_start(f->loop, 100, make_room, &r);
	loop_run(f->loop);
	assert_true(r.is_ended);
	assert_int_equal(r.got.len, 1 << 20);
	buf_fini(&r.got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_whole_and_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(an_earlier_run_that_was_not, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_cannot_be_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(following, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_lost_or_told_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(readers_that_go_away, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slow_reader, setup, teardown),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("worker/logs", tests, NULL, NULL);
}
