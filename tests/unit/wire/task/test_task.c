/* The server of the task API: connections, and what is read from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/base.h"
#include "world.h"

#define FRAME_MAX ((uint32_t)4 << 20)
#define BIG       ((size_t)3 << 20)

static void expect_code(struct world *w, int code)
{
	struct answer answer;

	world_run(w, w->peer.fd);
	world_hear(w, NULL, &answer);
	assert_int_equal(answer.code, code);
}

static void expect_end(struct world *w)
{
	struct frame frame;

	world_run(w, w->peer.fd);
	assert_false(frame_read(w->peer.fd, &frame));
	peer_close(&w->peer);
	world_dial(w, &w->peer);
	world_expect_service(w);
}

static void pack_options(Task__Any *any, uint8_t *space, size_t size)
{
	Task__Options options = TASK__OPTIONS__INIT;

	options.no_pivot_root = options.no_new_keyring = options.systemd_cgroup = true;
	options.binary_name = S("/bin/crun");
	options.root = S("/run/r");
	assert_true(task__options__get_packed_size(&options) <= size);
	any->type_url = S("containerd.runc.v1.Options");
	any->value.len = task__options__pack(&options, space);
	any->value.data = space;
}

static void create_is_read(void **state)
{
	struct world *w = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	Task__Any options = TASK__ANY__INIT;
	Task__Mount mounts[] = { TASK__MOUNT__INIT, TASK__MOUNT__INIT };
	Task__Mount *list[] = { &mounts[0], &mounts[1] };
	char *words[] = { S("lowerdir=/a:/b"), S("ro") };
	uint8_t space[64];

	pack_options(&options, space, sizeof(space));
	mounts[0].type = S("overlay");
	mounts[0].source = S("over");
	mounts[0].options = words;
	mounts[0].n_options = 2;
	mounts[1].type = S("bind");
	mounts[1].source = S("/c");
	m.id = S("i");
	m.bundle = S("/b");
	m.stdin = S("/in");
	m.stdout = S("/out");
	m.stderr = S("/err");
	m.terminal = true;
	m.rootfs = list;
	m.n_rootfs = 2;
	m.options = &options;
	struct task_call *c = world_call(w, "Create", &m);
	const struct task_request *r = task_call_request(c);
	assert_int_equal(r->method, TASK_CREATE);
	assert_string_equal(r->id, "i");
	assert_string_equal(r->exec_id, "");
	assert_string_equal(r->bundle, "/b");
	assert_string_equal(r->input, "/in");
	assert_string_equal(r->output, "/out");
	assert_string_equal(r->errors, "/err");
	assert_true(r->is_terminal && r->has_systemd_cgroup && r->has_no_pivot);
	assert_true(r->has_no_keyring);
	assert_false(r->has_checkpoint);
	assert_string_equal(r->binary, "/bin/crun");
	assert_string_equal(r->root, "/run/r");
	assert_int_equal(r->n_mounts, 2);
	assert_string_equal(r->mounts[0].type, "overlay");
	assert_string_equal(r->mounts[0].source, "over");
	assert_int_equal(r->mounts[0].n_options, 2);
	assert_string_equal(r->mounts[0].options[0], "lowerdir=/a:/b");
	assert_string_equal(r->mounts[0].options[1], "ro");
	assert_string_equal(r->mounts[1].type, "bind");
	assert_string_equal(r->mounts[1].source, "/c");
	assert_int_equal(r->mounts[1].n_options, 0);
	task_reply_empty(c);
}

static void an_empty_create_has_empty_words(void **state)
{
	struct world *w = *state;
	struct task_call *c = world_call(w, "Create", NULL);
	const struct task_request *r = task_call_request(c);
	const char *const texts[] = { r->id,     r->exec_id, r->bundle, r->input,
				      r->output, r->errors,  r->binary, r->root };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_string_equal(texts[i], "");
	assert_int_equal(r->n_mounts, 0);
	assert_false(r->is_terminal || r->has_systemd_cgroup || r->has_no_pivot);
	assert_false(r->has_no_keyring || r->has_checkpoint);
	task_reply_empty(c);
}

static void a_checkpoint_is_seen(void **state)
{
	struct world *w = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	Task__Any options = TASK__ANY__INIT;
	uint8_t junk[] = { 0xff, 0xff, 0xff };

	m.checkpoint = S("/c");
	m.options = &options;
	options.value.data = junk; /* options of another kind are none */
	options.value.len = sizeof(junk);
	struct task_call *c = world_call(w, "Create", &m);
	assert_true(task_call_request(c)->has_checkpoint);
	assert_string_equal(task_call_request(c)->binary, "");
	task_reply_empty(c);
}

static void exec_is_read(void **state)
{
	struct world *w = *state;
	Task__ExecRequest m = TASK__EXEC_REQUEST__INIT;
	Task__Any spec = TASK__ANY__INIT;

	m.id = S("i");
	m.exec_id = S("e");
	m.stdin = S("/in");
	m.stdout = S("/out");
	m.stderr = S("/err");
	m.terminal = true;
	spec.value.data = (uint8_t *)S("{\"a\":1}");
	spec.value.len = 7;
	m.spec = &spec;
	struct task_call *c = world_call(w, "Exec", &m);
	const struct task_request *r = task_call_request(c);
	assert_int_equal(r->method, TASK_EXEC);
	assert_string_equal(r->id, "i");
	assert_string_equal(r->exec_id, "e");
	assert_string_equal(r->input, "/in");
	assert_string_equal(r->output, "/out");
	assert_string_equal(r->errors, "/err");
	assert_true(r->is_terminal);
	assert_int_equal(r->json_len, 7);
	assert_memory_equal(r->json, "{\"a\":1}", 7);
	task_reply_empty(c);
	c = world_call(w, "Exec", NULL);
	assert_int_equal(task_call_request(c)->json_len, 0);
	task_reply_empty(c);
}

static void update_is_read(void **state)
{
	struct world *w = *state;
	Task__UpdateRequest m = TASK__UPDATE_REQUEST__INIT;
	Task__Any resources = TASK__ANY__INIT;

	m.id = S("i");
	resources.value.data = (uint8_t *)S("{}");
	resources.value.len = 2;
	m.resources = &resources;
	struct task_call *c = world_call(w, "Update", &m);
	const struct task_request *r = task_call_request(c);
	assert_int_equal(r->method, TASK_UPDATE);
	assert_string_equal(r->id, "i");
	assert_int_equal(r->json_len, 2);
	assert_memory_equal(r->json, "{}", 2);
	task_reply_empty(c);
}

static void kill_is_read(void **state)
{
	struct world *w = *state;
	Task__KillRequest m = TASK__KILL_REQUEST__INIT;

	m.id = S("i");
	m.exec_id = S("e");
	m.signal = 15;
	m.all = true;
	struct task_call *c = world_call(w, "Kill", &m);
	const struct task_request *r = task_call_request(c);
	assert_int_equal(r->method, TASK_KILL);
	assert_string_equal(r->id, "i");
	assert_string_equal(r->exec_id, "e");
	assert_int_equal(r->sig, 15);
	assert_true(r->is_all);
	task_reply_empty(c);
}

static void resize_is_read(void **state)
{
	struct world *w = *state;
	Task__ResizeRequest m = TASK__RESIZE_REQUEST__INIT;

	m.id = S("i");
	m.exec_id = S("e");
	m.width = 132;
	m.height = 43;
	struct task_call *c = world_call(w, "ResizePty", &m);
	const struct task_request *r = task_call_request(c);
	assert_int_equal(r->method, TASK_RESIZE);
	assert_string_equal(r->id, "i");
	assert_string_equal(r->exec_id, "e");
	assert_int_equal(r->columns, 132);
	assert_int_equal(r->rows, 43);
	task_reply_empty(c);
}

static void expect_process(struct world *w, const char *name, enum task_method method)
{
	Task__ProcessRequest m = TASK__PROCESS_REQUEST__INIT;

	m.id = S("i");
	m.exec_id = S("e");
	struct task_call *c = world_call(w, name, &m);
	assert_int_equal(task_call_request(c)->method, method);
	assert_string_equal(task_call_request(c)->id, "i");
	assert_string_equal(task_call_request(c)->exec_id, "e");
	task_reply_empty(c);
}

static void expect_id(struct world *w, const char *name, enum task_method method)
{
	Task__IdRequest m = TASK__ID_REQUEST__INIT;

	m.id = S("i");
	struct task_call *c = world_call(w, name, &m);
	assert_int_equal(task_call_request(c)->method, method);
	assert_string_equal(task_call_request(c)->id, "i");
	assert_string_equal(task_call_request(c)->exec_id, "");
	task_reply_empty(c);
}

static void the_others_are_read(void **state)
{
	struct world *w = *state;
	Task__CloseRequest m = TASK__CLOSE_REQUEST__INIT;

	m.id = S("i");
	m.exec_id = S("e");
	m.stdin = true;
	struct task_call *c = world_call(w, "CloseIO", &m);
	assert_int_equal(task_call_request(c)->method, TASK_CLOSE_INPUT);
	assert_string_equal(task_call_request(c)->id, "i");
	assert_string_equal(task_call_request(c)->exec_id, "e");
	task_reply_empty(c);
	expect_process(w, "State", TASK_STATE);
	expect_process(w, "Start", TASK_START);
	expect_process(w, "Delete", TASK_DELETE);
	expect_process(w, "Wait", TASK_WAIT);
	expect_id(w, "Pids", TASK_PIDS);
	expect_id(w, "Pause", TASK_PAUSE);
	expect_id(w, "Resume", TASK_RESUME);
	expect_id(w, "Checkpoint", TASK_CHECKPOINT);
	expect_id(w, "Stats", TASK_STATS);
	expect_id(w, "Connect", TASK_CONNECT);
	expect_id(w, "Shutdown", TASK_SHUTDOWN);
}

static void what_is_unknown_is_refused(void **state)
{
	struct world *w = *state;
	auto_buf struct buf out;

	peer_send(&w->peer, "Dance", NULL);
	expect_code(w, 12);
	buf_init(&out, 4096);
	w->peer.stream += 2;
	request_add(&out, w->peer.stream, &(struct request){ "other.Service", "State", NULL });
	peer_write(w->peer.fd, out.data, out.len);
	expect_code(w, 12);
	assert_int_equal(w->n_calls, 0);
	world_expect_service(w);
}

/* A message in which a field is cut off. */
static void what_is_no_message_is_refused(void **state)
{
	struct world *w = *state;
	Task__Request m = TASK__REQUEST__INIT;
	uint8_t junk[] = { 0x0a, 0x7f };
	uint8_t space[256];
	struct frame frame = { .type = 1, .data = space };

	m.service = S(PEER_TASK);
	m.method = S("State");
	m.payload.data = junk;
	m.payload.len = sizeof(junk);
	frame.stream = w->peer.stream += 2;
	frame.len = task__request__pack(&m, space);
	frame_write(w->peer.fd, &frame);
	expect_code(w, 3);
	world_expect_service(w);
}

static void junk_ends_only_its_connection(void **state)
{
	struct world *w = *state;
	struct peer other;
	uint8_t junk[] = { 0x0a, 0x7f, 0x01 };

	world_dial(w, &other);
	frame_write(other.fd, &(struct frame){ 1, 1, junk, sizeof(junk) });
	world_run(w, other.fd);
	assert_false(frame_read(other.fd, &(struct frame){ 0 }));
	peer_close(&other);
	world_expect_service(w);
}

static void a_frame_that_is_too_long_ends_its_connection(void **state)
{
	struct world *w = *state;
	const uint32_t len = FRAME_MAX + 1;
	const uint8_t head[PEER_HEAD] = { (uint8_t)(len >> 24),
					  (uint8_t)(len >> 16),
					  (uint8_t)(len >> 8),
					  (uint8_t)len,
					  0,
					  0,
					  0,
					  1,
					  1,
					  0 };

	peer_write(w->peer.fd, head, sizeof(head));
	expect_end(w);
}

static void answers_of_a_client_are_no_calls(void **state)
{
	struct world *w = *state;
	uint8_t junk[] = { 0xff };

	frame_write(w->peer.fd, &(struct frame){ 1, 2, junk, 1 });
	world_expect_service(w);
	assert_int_equal(w->n_calls, 0);
}

static void a_call_comes_in_pieces(void **state)
{
	struct world *w = *state;
	Task__IdRequest m = TASK__ID_REQUEST__INIT;
	auto_buf struct buf out;

	m.id = S("i");
	buf_init(&out, 4096);
	request_add(&out, 1, &(struct request){ PEER_TASK, "Pause", &m });
	for (size_t i = 0; i < out.len; i++) {
		assert_int_equal(w->n_calls, 0);
		peer_write(w->peer.fd, out.data + i, 1);
		world_turn(w);
	}
	struct task_call *c = world_take_call(w);
	assert_string_equal(task_call_request(c)->id, "i");
	task_reply_empty(c);
}

/* Each is answered under its own number, in any order. */
static void two_calls_come_at_once(void **state)
{
	struct world *w = *state;
	struct answer answer;
	auto_buf struct buf out;

	buf_init(&out, 4096);
	request_add(&out, 1, &(struct request){ PEER_TASK, "Pause", NULL });
	request_add(&out, 3, &(struct request){ PEER_TASK, "Wait", NULL });
	peer_write(w->peer.fd, out.data, out.len);
	struct task_call *first = world_take_call(w);
	struct task_call *second = world_take_call(w);
	assert_int_equal(task_call_request(first)->method, TASK_PAUSE);
	assert_int_equal(task_call_request(second)->method, TASK_WAIT);
	task_reply_pid(second, 2);
	task_reply_pid(first, 1);
	for (uint32_t i = 1; i <= 2; i++) {
		peer_await(&w->peer, 2 * i - 1, &task__pid_response__descriptor, &answer);
		assert_int_equal(((const Task__PidResponse *)answer.message)->pid, i);
		answer_fini(&answer);
	}
}

static void a_big_call_comes(void **state)
{
	struct world *w = *state;
	Task__UpdateRequest m = TASK__UPDATE_REQUEST__INIT;
	Task__Any any = TASK__ANY__INIT;
	auto_free uint8_t *data = xcalloc(1, BIG);
	auto_buf struct buf out;

	data[BIG - 1] = 'x';
	any.value.data = data;
	any.value.len = BIG;
	m.resources = &any;
	buf_init(&out, 2 * BIG);
	request_add(&out, 1, &(struct request){ PEER_TASK, "Update", &m });
	while (out.len) {
		ssize_t n = send(w->peer.fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		assert_true(n > 0 || errno == EAGAIN);
		buf_drop(&out, n > 0 ? (size_t)n : 0);
		world_turn(w);
	}
	struct task_call *c = world_take_call(w);
	assert_int_equal(task_call_request(c)->json_len, BIG);
	assert_int_equal(task_call_request(c)->json[BIG - 1], 'x');
	task_reply_empty(c);
}

/* There is more of it than a socket takes at once. */
static void a_big_answer_goes_as_there_is_room(void **state)
{
	struct world *w = *state;
	auto_free char *text = xmalloc(BIG + 1);
	char part[4096];
	auto_buf struct buf in;

	memset(text, 'x', BIG);
	text[BIG] = '\0';
	buf_init(&in, 2 * BIG);
	task_reply_state(world_call(w, "State", NULL),
			 &(struct task_process_state){ .bundle = text });
	while (in.len < PEER_HEAD + BIG) {
		ssize_t n = recv(w->peer.fd, part, sizeof(part), MSG_DONTWAIT);

		if (n > 0)
			buf_add(&in, part, (size_t)n);
		else
			world_run(w, w->peer.fd);
		assert_true(n != 0);
	}
	assert_non_null(memmem(in.data, in.len, text, BIG));
}

static void an_answer_to_nobody_is_dropped(void **state)
{
	struct world *w = *state;
	struct task_call *c = world_call(w, "Wait", NULL);

	/* The server has seen our end when there is its own. */
	assert_int_equal(shutdown(w->peer.fd, SHUT_WR), 0);
	world_run(w, w->peer.fd);
	assert_false(frame_read(w->peer.fd, &(struct frame){ 0 }));
	assert_string_equal(task_call_request(c)->id, "");
	task_reply_pid(c, 3);
	peer_close(&w->peer);
	world_dial(w, &w->peer);
	world_expect_service(w);
}

/* The client has closed, and nobody has noticed. */
static void an_answer_to_a_closed_connection_does_no_harm(void **state)
{
	struct world *w = *state;
	struct task_call *c = world_call(w, "Wait", NULL);
	struct task_call *d = world_call(w, "Wait", NULL);

	peer_close(&w->peer);
	task_reply_pid(c, 3);
	task_reply_pid(d, 3);
	world_dial(w, &w->peer);
	world_expect_service(w);
}

static void open_calls_outlive_the_server(void **state)
{
	struct world *w = *state;
	struct task_call *answered = world_call(w, "Start", NULL);
	uint32_t stream = w->peer.stream;
	struct task_call *open = world_call(w, "Wait", NULL);
	struct answer answer;

	task_reply_pid(answered, 3);
	w->server = task_server_free(w->server);
	task_reply_pid(open, 4);
	peer_await(&w->peer, stream, &task__pid_response__descriptor, &answer);
	assert_int_equal(((const Task__PidResponse *)answer.message)->pid, 3);
	answer_fini(&answer);
	assert_false(frame_read(w->peer.fd, &(struct frame){ 0 }));
}

static size_t read_what_there_is(struct world *w)
{
	char part[4096];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(w->peer.fd, part, sizeof(part), MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	return len;
}

/* As far as there is room. */
static void what_was_not_sent_is_sent_at_the_end(void **state)
{
	struct world *w = *state;
	auto_free char *text = xmalloc(BIG + 1);

	memset(text, 'x', BIG);
	text[BIG] = '\0';
	task_reply_state(world_call(w, "State", NULL),
			 &(struct task_process_state){ .bundle = text });
	assert_true(read_what_there_is(w) < BIG);
	assert_int_equal(read_what_there_is(w), 0);
	w->server = task_server_free(w->server);
	assert_true(read_what_there_is(w) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(create_is_read),
		WORLD_TEST(an_empty_create_has_empty_words),
		WORLD_TEST(a_checkpoint_is_seen),
		WORLD_TEST(exec_is_read),
		WORLD_TEST(update_is_read),
		WORLD_TEST(kill_is_read),
		WORLD_TEST(resize_is_read),
		WORLD_TEST(the_others_are_read),
		WORLD_TEST(what_is_unknown_is_refused),
		WORLD_TEST(what_is_no_message_is_refused),
		WORLD_TEST(junk_ends_only_its_connection),
		WORLD_TEST(a_frame_that_is_too_long_ends_its_connection),
		WORLD_TEST(answers_of_a_client_are_no_calls),
		WORLD_TEST(a_call_comes_in_pieces),
		WORLD_TEST(two_calls_come_at_once),
		WORLD_TEST(a_big_call_comes),
		WORLD_TEST(a_big_answer_goes_as_there_is_room),
		WORLD_TEST(an_answer_to_nobody_is_dropped),
		WORLD_TEST(an_answer_to_a_closed_connection_does_no_harm),
		WORLD_TEST(open_calls_outlive_the_server),
		WORLD_TEST(what_was_not_sent_is_sent_at_the_end),
	};

	return cmocka_run_group_tests_name("wire/task", tests, NULL, NULL);
}
