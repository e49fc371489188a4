/* Files of an instance for clients that are slow, broken, or there when it ends, with real threads. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "kit.h"
#include "model/session.h"
#include "wire/frame/frame.h"

#define BIG (4 << 20)

/* A client, and the instance's files. */
struct client {
	struct kit *kit;
	struct runtime_driver driver;
	struct runtime_exec_ops exec;
	struct stream *stream; /* NULL: it has ended */
	struct frame_reader frames;
	bool is_full;
	bool is_begun;
	size_t n_got; /* bytes of output */
	int exit_code;
	char words[ERR_MSG_MAX];
};

/* A driver's state is its own: the files, and what opening them waits for. */
static char root_path[128];
static int gate = -1;

static int open_root(void *state, const char *instance_id, struct err *err)
{
	char c;

	if (gate >= 0)
		assert_int_equal(read(gate, &c, 1), 0);
	return open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void await(struct client *c, bool (*is_met)(void *arg))
{
	kit_await_met(c->kit, is_met, c);
}

static bool is_running(void *arg)
{
	const struct client *c = arg;
	const struct instance_status *status = kit_status(c->kit, ID_1);

	return status && status->state == STATE_RUNNING;
}

static bool is_registered(void *arg)
{
	const struct client *c = arg;
	return c->kit->n_registered > 0;
}

static bool is_over(void *arg)
{
	const struct client *c = arg;
	return !c->stream;
}

static bool has_some(void *arg)
{
	const struct client *c = arg;
	return c->n_got > 0;
}

static bool is_begun(void *arg)
{
	const struct client *c = arg;
	return c->is_begun;
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct client *c = arg;
	struct frame frame;
	struct err err;
	const char *words;

	frame_feed(&c->frames, data, len);
	while (frame_next(&c->frames, &frame, &err) > 0) {
		c->is_begun = true;
		if (frame.type == FRAME_OUTPUT)
			c->n_got += frame.len;
		if (frame.type == FRAME_END && frame_get_end(&frame, &c->exit_code, &words))
			STR_COPY(c->words, words);
	}
}

static void on_end(void *arg, const struct err *err)
{
	struct client *c = arg;

	c->stream = NULL;
	if (err->code)
		STR_COPY(c->words, err->msg);
}

static bool on_full(void *arg)
{
	return ((struct client *)arg)->is_full;
}

static int setup(void **state)
{
	struct client *c = NEW(struct client);
	struct err err;

	if (kit_setup(state) < 0)
		return -1;
	struct kit *kit = *state;
	kit_crash(kit);
	c->kit = kit;
	c->driver = fake_driver;
	c->exec.open_root = open_root;
	c->driver.exec = &c->exec;
	kit->driver = &c->driver;
	kit->is_real = true;
	kit->streams = stream_hub_new();
	snprintf(root_path, sizeof(root_path), "%s/root", kit->dir);
	assert_int_equal(dir_make(root_path, 0700, &err), 0);
	frame_reader_init(&c->frames);
	kit_boot(kit);
	await(c, is_registered);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	await(c, is_running);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct client *c = *state;
	struct kit *kit = c->kit;
	struct stream_hub *streams = kit->streams;
	void *of_kit = kit;

	if (gate >= 0)
		close(TAKE_FD(gate));
	int r = kit_teardown(&of_kit);
	stream_hub_free(streams);
	frame_reader_fini(&c->frames);
	free(c);
	return r;
}

static void ask(struct client *c, bool is_put)
{
	const struct stream_reader reader = { .data = on_data,
					      .end = on_end,
					      .is_full = on_full,
					      .arg = c };
	char path[] = "/";
	struct copy_request request = { .kind = "copy", .instance = ID_1, .is_put = is_put };
	struct err err = { 0 };

	request.path = path;
	auto_free char *text = fields_format(&copy_request_table, &request);
	c->stream = stream_open(c->kit->streams, NODE, text, &reader, &err);
	if (!c->stream)
		fail_msg("%s", err.msg);
}

static void write_big(void)
{
	auto_free char *path = xasprintf("%s/big", root_path);
	auto_free char *data = xcalloc(1, BIG);
	struct err err;

	assert_int_equal(file_write_atomic(path, data, BIG, 0600, &err), 0);
}

static void say(struct client *c, enum frame_type type, size_t len)
{
	auto_free char *data = xcalloc(1, len + 1);
	auto_buf struct buf out;

	buf_init(&out, 2 * len + 1024);
	frame_put(&out, type, data, len);
	stream_write(c->stream, out.data, out.len);
}

/* Which a client that went away closes, too; here nobody does. */
static void leaving_waits_for_no_client(void **state)
{
	struct client *c = *state;
	struct client idle = { .kit = c->kit };

	frame_reader_init(&idle.frames);
	write_big();
	c->is_full = true;
	ask(c, false);
	await(c, has_some);
	ask(&idle, true);
	await(&idle, is_begun);
	alarm(KIT_DEADLINE_MS / 1000);
	worker_leave(c->kit->worker);
	kit_crash(c->kit);
	alarm(0);
	frame_reader_fini(&idle.frames);
}

static bool is_pulling(void *arg)
{
	const struct client *c = arg;
	return kit_has_told(c->kit, ID_2, "pulling ");
}

/* A registry that takes connections and says nothing. */
static void leaving_waits_for_no_registry(void **state)
{
	struct client *c = *state;
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(in);
	auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, size), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &size), 0);
	auto_free char *spec = xasprintf(",\"code\":\"127.0.0.1:%d/web:1\"", ntohs(in.sin_port));
	fake_host_hide_images(c->kit->host, "127.0.0.1");
	kit_deploy(c->kit, &(struct wish){ .id = ID_2, .spec = spec });
	await(c, is_pulling);
	alarm(KIT_DEADLINE_MS / 1000);
	worker_leave(c->kit->worker);
	kit_crash(c->kit);
	alarm(0);
}

static void broken_input_is_a_failure(void **state)
{
	struct client *c = *state;

	ask(c, true);
	await(c, is_begun);
	say(c, FRAME_INPUT, 10240); /* the end of an archive: all is well so far */
	stream_write(c->stream, "\xee\0\0\1x", 5);
	await(c, is_over);
	assert_int_equal(c->exit_code, 1);
	assert_non_null(strstr(c->words, "frame of type 238"));
}

static void more_input_than_asked_for_is_a_failure(void **state)
{
	struct client *c = *state;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	gate = ends[0];
	ask(c, true);
	await(c, is_begun);
	say(c, FRAME_INPUT, BIG);
	close(ends[1]);
	await(c, is_over);
	assert_int_equal(c->exit_code, 1);
	assert_non_null(strstr(c->words, "unasked"));
}

static void ends_with_its_instance(void **state)
{
	struct client *c = *state;

	write_big();
	c->is_full = true;
	ask(c, false);
	await(c, has_some);
	kit_delete(c->kit, ID_1);
	await(c, is_over);
	assert_int_equal(c->exit_code, 1);
	assert_non_null(strstr(c->words, "the instance has ended"));
}

static void all_of_it_otherwise(void **state)
{
	struct client *c = *state;

	write_big();
	ask(c, false);
	await(c, is_over);
	assert_string_equal(c->words, "");
	assert_int_equal(c->exit_code, 0);
	assert_true(c->n_got > BIG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(leaving_waits_for_no_client), TEST(leaving_waits_for_no_registry),
		TEST(broken_input_is_a_failure),   TEST(more_input_than_asked_for_is_a_failure),
		TEST(ends_with_its_instance),      TEST(all_of_it_otherwise),
	};

	return cmocka_run_group_tests_name("worker/copy", tests, NULL, NULL);
}
