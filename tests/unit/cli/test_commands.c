/* Commands against a server: exit codes, and what is told. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/world.h"
#include "base/base.h"
#include "cli/private.h"
#include "model/message.h"

#define WORDS_MAX 16

struct fixture {
	struct world world;
	char *file; /* the descriptor */
	char line[512];
	char *out;
	char *err;
	int code;
	int out_fd;         /* where the output goes instead, -1: to `out` */
	struct err refusal; /* of the node, to those who want to be attached */
	bool has_left;      /* what was measured once */
};

static int set_up(void **state)
{
	struct fixture *f = NEW(struct fixture);
	struct err err;

	f->out_fd = -1;
	unsetenv("HOLM_API");
	unsetenv("HOLM_TOKEN");
	unsetenv("HOLM_DATA_DIR");
	world_init(&f->world);
	f->file = path_join(f->world.dir, "app.json");
	assert_int_equal(file_write_atomic(f->file, world_descriptor, strlen(world_descriptor),
					   0600, &err),
			 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	world_fini(&f->world);
	free(f->file);
	free(f->out);
	free(f->err);
	free(f);
	return 0;
}

static void run_line(void *arg)
{
	struct fixture *f = arg;
	static const struct cli_extension extension = { .perform = http_client_perform };
	struct cli_call call = { .extension = &extension };
	char *argv[WORDS_MAX];
	size_t n_out;
	size_t n_err;
	int argc = 0;

	for (char *p = f->line; *p;) {
		argv[argc++] = p;
		p += strcspn(p, " ");
		while (*p == ' ')
			*p++ = '\0';
	}
	free(f->out);
	free(f->err);
	f->out = NULL;
	call.out = f->out_fd >= 0 ? fdopen(TAKE_FD(f->out_fd), "w")
				  : open_memstream(&f->out, &n_out);
	call.err = open_memstream(&f->err, &n_err);
	f->code = cli_run(argc, argv, &call);
	fclose(call.out);
	fclose(call.err);
}

static void holm(struct fixture *f, enum cli_exit code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Runs "holm --data-dir DIR …". */
static void holm(struct fixture *f, enum cli_exit code, const char *fmt, ...)
{
	int n = snprintf(f->line, sizeof(f->line), "holm --data-dir %s ", f->world.dir);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->line + n, sizeof(f->line) - (size_t)n, fmt, ap);
	va_end(ap);
	world_run(&f->world, run_line, f);
	if (f->code != (int)code)
		fail_msg("holm %s: exit code %d, expected %d: %s%s", fmt, f->code, code,
			 f->out ? f->out : "", f->err);
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

static void applies_and_waits(void **state)
{
	struct fixture *f = *state;

	holm(f, CLI_OK, "apply %s --dry-run", f->file);
	has(f->out, "+ create service    hybrid.demo.web.demo");
	has(f->out, "dry run: nothing was changed");
	holm(f, CLI_OK, "apply %s --wait", f->file);
	has(f->out, "web.demo.0: RUNNING\n");
	has(f->out, "client.demo.0: RUNNING\n");
	has(f->out, ": 2 instances up\n");
	holm(f, CLI_OK, "apply %s --wait", f->file);
	has(f->out, "unchanged service hybrid.demo.web.demo\n");
	has(f->out, ": 2 instances up\n");
	holm(f, CLI_OK, "apply -q %s", f->file);
	assert_string_equal(f->out, "");
}

static void a_failure_is_told_with_its_reason(void **state)
{
	struct fixture *f = *state;

	f->world.node_state = STATE_FAILED;
	f->world.node_detail = "pull registry.example/web:1: no such tag";
	holm(f, CLI_FAILED, "apply %s --wait", f->file);
	has(f->err, "web.demo.0 is FAILED: pull registry.example/web:1: no such tag\n");
	has(f->err, "holm logs");
}

static void waiting_ends(void **state)
{
	struct fixture *f = *state;

	f->world.node_state = STATE_CREATING;
	holm(f, CLI_TIMEOUT, "apply %s --wait --timeout 0", f->file);
	has(f->err, "gave up after");
	holm(f, CLI_TIMEOUT, "scale client 2 --wait --timeout=1");
	has(f->err, "is CREATING\n");
}

static void on_back(void *arg)
{
	struct fixture *f = arg;

	world_restart_api(&f->world);
	world_report(&f->world, STATE_RUNNING);
}

static void a_restarted_server_is_found_again(void **state)
{
	struct fixture *f = *state;

	f->world.node_state = STATE_CREATING;
	timer_start(f->world.loop, 300, on_back, f);
	holm(f, CLI_OK, "apply %s --wait", f->file);
	has(f->out, ": 2 instances up\n");
}

static void on_lost(void *arg)
{
	struct fixture *f = arg;

	f->world.api = api_free(f->world.api);
}

static void a_lost_server_is_told(void **state)
{
	struct fixture *f = *state;

	f->world.node_state = STATE_CREATING;
	timer_start(f->world.loop, 300, on_lost, f);
	holm(f, CLI_TIMEOUT, "apply %s --wait --timeout 1", f->file);
	has(f->err, "gave up after");
}

static void scales_and_deletes(void **state)
{
	struct fixture *f = *state;

	holm(f, CLI_OK, "apply %s --wait", f->file);
	holm(f, CLI_OK, "scale client.demo 3 --wait");
	has(f->out, "replicas: 1 → 3");
	has(f->out, ": 3 instances up\n");
	holm(f, CLI_OK, "scale client.demo 1 --wait");
	has(f->out, ": 1 instance up, 2 removed\n");
	holm(f, CLI_OK, "delete app hybrid.demo --wait");
	has(f->out, ": 0 instances up, 2 removed\n");
	holm(f, CLI_OK, "get apps");
	assert_string_equal(f->out, "no apps\n");
	holm(f, CLI_FAILED, "delete app hybrid.demo");
	has(f->err, "hybrid.demo");
	holm(f, CLI_USAGE, "delete hybrid.demo x");
	holm(f, CLI_USAGE, "scale client many");
}

static void lists(void **state)
{
	struct fixture *f = *state;

	holm(f, CLI_OK, "apply -q %s --wait", f->file);
	holm(f, CLI_OK, "get instances");
	has(f->out, "INSTANCE");
	has(f->out, "web.demo.0");
	holm(f, CLI_OK, "get service -o wide --app hybrid.demo");
	has(f->out, "registry.example/web:1");
	holm(f, CLI_OK, "get nodes -o json");
	struct err err;
	auto_(json_free) struct json *json = NULL;
	assert_int_equal(json_parse(f->out, strlen(f->out), &json, &err), 0);
	assert_string_equal(json_get_str(json_at(json, 0), "hostname"), "edge-1");
	holm(f, CLI_USAGE, "get instancs");
	has(f->err, "did you mean instances");
	holm(f, CLI_USAGE, "get nodes -o yaml");
	holm(f, CLI_USAGE, "get nodes --app x");
}

static void secrets_and_configuration(void **state)
{
	struct fixture *f = *state;
	auto_free char *word = path_join(f->world.dir, "word");
	struct err err;

	assert_int_equal(file_write_atomic(word, "a\0b\n", 4, 0600, &err), 0);
	holm(f, CLI_OK, "secret set db --from-file %s", word);
	assert_string_equal(f->out, "+ create secret     db\n");
	holm(f, CLI_OK, "secret set db --from-file %s", word);
	has(f->out, "unchanged secret");
	holm(f, CLI_OK, "secret ls");
	has(f->out, "db");
	holm(f, CLI_OK, "config set app.conf --from-file %s", word);
	holm(f, CLI_OK, "config get app.conf");
	assert_memory_equal(f->out, "a\0b\n", 5);
	holm(f, CLI_OK, "config ls -o json");
	has(f->out, "\"name\":\"app.conf\"");
	holm(f, CLI_FAILED, "config get db");
	has(f->err, "no config db: `holm config ls` lists what there is");
	holm(f, CLI_OK, "secret rm db");
	assert_string_equal(f->out, "- delete secret     db\n");
	holm(f, CLI_OK, "get secrets");
	assert_string_equal(f->out, "no secrets\n");
	holm(f, CLI_USAGE, "secret set db word");
	has(f->err, "a value is not given on the command line");
	holm(f, CLI_USAGE, "secret set db");
	holm(f, CLI_USAGE, "secret set db - --from-file %s", word);
	holm(f, CLI_USAGE, "secret get db");
	holm(f, CLI_FAILED, "secret set a/b --from-file %s", word);
	holm(f, CLI_FAILED, "secret set db --from-file %s.missing", word);
}

static void refusals_are_sentences(void **state)
{
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(file_write_atomic(f->file, "{}", 2, 0600, &err), 0);
	holm(f, CLI_FAILED, "apply %s", f->file);
	assert_null(strchr(f->err, '{'));
	holm(f, CLI_FAILED, "apply %s.missing", f->file);
	has(f->err, "app.json.missing");
	holm(f, CLI_FAILED, "logs nothing.0");
	has(f->err, "nothing.0");
	holm(f, CLI_USAGE, "logs x --tail many");
}

static void without_a_server(void **state)
{
	struct fixture *f = *state;

	f->world.api = api_free(f->world.api);
	holm(f, CLI_UNREACHABLE, "get nodes");
	has(f->err,
	    "holm is not running on this machine: start it with `holm up --detach --data-dir ");
	holm(f, CLI_UNREACHABLE, "down");
	holm(f, CLI_UNREACHABLE, "get nodes --api 127.0.0.1:9");
	has(f->err, "cannot reach holm: ");
	holm(f, CLI_OK, "version");
	has(f->out, "running: none here\n");
}

static void over_tcp_with_the_token(void **state)
{
	struct fixture *f = *state;
	struct err err;

	holm(f, CLI_FAILED, "get nodes --api 127.0.0.1:%u", api_port(f->world.api));
	has(f->err, "HOLM_TOKEN");
	auto_free char *path = path_join(f->world.dir, CLI_TOKEN);
	assert_int_equal(
		file_write_atomic(path, WORLD_TOKEN "\n", strlen(WORLD_TOKEN) + 1, 0600, &err), 0);
	holm(f, CLI_OK, "get nodes --api http://localhost:%u/", api_port(f->world.api));
	setenv("HOLM_TOKEN", "wrong", 1);
	holm(f, CLI_FAILED, "get nodes --api 127.0.0.1:%u", api_port(f->world.api));
	unsetenv("HOLM_TOKEN");
	holm(f, CLI_OK, "version");
	has(f->out, "running: holm 1.2.3\n");
}

struct answer {
	struct fixture *f;
	struct stream *stream;
	bool is_log;
};

static void on_answer(void *arg)
{
	static const char record[] = "2026-11-23T13:18:02.123456789Z stdout F its log\n";
	struct answer *a = arg;
	const struct err none = { 0 };

	if (a->is_log)
		stream_send(a->stream, record, strlen(record));
	stream_end(a->stream, a->is_log ? &none : &a->f->refusal);
	free(a);
}

/* A node that has logs, and lets nobody be attached. */
static void on_open(void *arg, struct stream *stream, const char *request)
{
	struct answer *a = NEW(struct answer);

	*a = (struct answer){ arg, stream, strstr(request, "\"kind\":\"logs\"") };
	stream_serve(stream, NULL, NULL);
	loop_post(a->f->world.loop, on_answer, a);
}

/* Only what takes no input is shown by its log; every other refusal is told. */
static void refusals_to_be_attached(void **state)
{
	static const int codes[] = { -EBUSY, -EAGAIN, -EIO };
	struct fixture *f = *state;

	holm(f, CLI_OK, "apply -q %s --wait", f->file);
	stream_hub_register(f->world.hub, WORLD_NODE, on_open, f);
	err_set(&f->refusal, -ENOTSUP, "it takes no input");
	holm(f, CLI_OK, "attach --no-stdin web.demo.0");
	has(f->out, "its log\n");
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		err_set(&f->refusal, codes[i], "refused for reason %zu", i);
		holm(f, CLI_FAILED, "attach --no-stdin web.demo.0");
		has(f->err, f->refusal.msg);
		assert_string_equal(f->out, "");
	}
}

static void publish(struct fixture *f, const char *what, const char *payload)
{
	auto_free char *topic = xasprintf("nodes/" WORLD_NODE "/%s", what);

	assert_int_equal(bus_publish(f->world.bus, topic, payload, strlen(payload)), 0);
}

static void tell_web(struct fixture *f, int64_t pid)
{
	auto_free char *text =
		server_list_text(server_list_begin(f->world.server, SERVER_INSTANCES, NULL));
	auto_(json_free) struct json *list = NULL;
	struct instance_status status = { .state = STATE_RUNNING, .generation = 1, .pid = pid };
	struct err err;
	size_t i = 0;

	assert_int_equal(json_parse(text, strlen(text), &list, &err), 0);
	while (!str_eq(json_get_str(json_at(list, i), "service"), "web.demo"))
		i++;
	STR_COPY(status.instance_id, json_get_str(json_at(list, i), "id"));
	auto_free char *job = fields_format(&instance_status_table, &status);
	publish(f, "job", job);
	auto_free char *used = xasprintf("{\"services\":[{\"instance_id\":\"%s\",\"cpu_ns\":1,"
					 "\"memory_bytes\":1048576,\"measured_ms\":1}]}",
					 status.instance_id);
	publish(f, "jobs/resources", used);
}

struct watching {
	struct fixture *f;
	int fd;
	struct buf seen;
};

/* A turn shows it, the next one that it does not run, and then there is nobody to ask. */
static void on_shown(void *arg, unsigned events)
{
	struct watching *w = arg;
	char piece[4096];
	ssize_t n = read(w->fd, piece, sizeof(piece));

	if (n <= 0)
		return;
	assert_int_equal(buf_add(&w->seen, piece, (size_t)n), 0);
	if (str_ends(w->seen.data, "}]\n"))
		tell_web(w->f, 0);
	else if (str_ends(w->seen.data, "[]\n"))
		w->f->world.api = api_free(w->f->world.api);
}

static void statistics_go_on_over_a_restart(void **state)
{
	struct fixture *f = *state;
	struct watching w = { .f = f };
	int fds[2];

	holm(f, CLI_OK, "apply -q %s --wait", f->file);
	tell_web(f, 77);
	world_turn(&f->world);
	holm(f, CLI_FAILED, "stats --no-stream web none");
	has(f->err, "is called none");
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	f->out_fd = fds[1];
	w.fd = fds[0];
	buf_init(&w.seen, 1 << 16);
	struct io *io = io_watch(f->world.loop, w.fd, IO_READ, on_shown, &w);
	holm(f, CLI_UNREACHABLE, "stats -o json web");
	has(w.seen.data, "}]\n[]\n");
	io_cancel(io);
	close(w.fd);
	buf_fini(&w.seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(applies_and_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failure_is_told_with_its_reason, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(waiting_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_restarted_server_is_found_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_lost_server_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(scales_and_deletes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lists, set_up, tear_down),
		cmocka_unit_test_setup_teardown(secrets_and_configuration, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refusals_are_sentences, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_server, set_up, tear_down),
		cmocka_unit_test_setup_teardown(over_tcp_with_the_token, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refusals_to_be_attached, set_up, tear_down),
		cmocka_unit_test_setup_teardown(statistics_go_on_over_a_restart, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
