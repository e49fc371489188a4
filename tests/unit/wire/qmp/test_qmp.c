/* The QMP client against a scripted peer. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/base.h"
#include "wire/qmp/qmp.h"

#define GREETING   "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define EVENT      "{\"event\": \"RTC_CHANGE\", \"data\": {\"offset\": 1}}\r\n"
#define OK         "{\"return\": {}}\r\n"
#define TIMEOUT_MS 5000

#define RESUME    "{\"event\": \"RESUME\"}\r\n"
#define MIGRATION "{\"event\": \"MIGRATION\", \"data\": {\"status\": \"completed\"}}\r\n"

/* The peer sends says[0] at once and each following text after one more line from the client;
 * behind the last it closes, or stays silent until the client has closed. */
struct peer {
	char dir[64];
	int listener;
	const char *const *says;
	bool stays;
	pthread_t thread;
};

/* False if the client has gone. */
static bool send_text(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* A byte, and the descriptor that comes with it, into which a word is written. */
static bool read_byte(int fd, char *ret)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec part = { ret, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control.space,
				  .msg_controllen = sizeof(control.space) };

	if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) != 1)
		return false;
	const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	if (head && head->cmsg_type == SCM_RIGHTS) {
		auto_close int got = -1;

		memcpy(&got, CMSG_DATA(head), sizeof(got));
		return write(got, "word", 4) == 4;
	}
	return true;
}

/* One line of the client; false at its end. */
static bool read_line(int fd)
{
	char c = '\0';

	while (c != '\n')
		if (!read_byte(fd, &c))
			return false;
	return true;
}

static void *peer_run(void *arg)
{
	struct peer *peer = arg;
	auto_close int fd = accept(peer->listener, NULL, NULL);

	for (const char *const *say = peer->says; *say; say++) {
		if ((say != peer->says && !read_line(fd)) || !send_text(fd, *say))
			return NULL;
	}
	while (peer->stays && read_line(fd))
		;
	return NULL;
}

static void peer_start(struct peer *peer, const char *const *says)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	STR_COPY(peer->dir, "/tmp/holm-test-qmp.XXXXXX");
	assert_non_null(mkdtemp(peer->dir));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/qmp", peer->dir);
	peer->says = says;
	peer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(peer->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(peer->listener, 1), 0);
	assert_int_equal(pthread_create(&peer->thread, NULL, peer_run, peer), 0);
}

static void peer_stop(struct peer *peer)
{
	struct err err;

	pthread_join(peer->thread, NULL);
	close(peer->listener);
	assert_int_equal(path_remove(peer->dir, &err), 0);
}

static void asks_for_the_status(void **state)
{
	static const char *const says[] = {
		GREETING, OK,
		EVENT "{\"return\": {\"status\": \"running\", \"running\": true}}\r\n", NULL
	};
	struct peer peer = { 0 };
	struct qmp *qmp = NULL;
	char status[QMP_STATUS_SIZE];
	struct err err;

	peer_start(&peer, says);
	assert_int_equal(qmp_open(peer.dir, "qmp", TIMEOUT_MS, &qmp, &err), 0);
	assert_int_equal(qmp_query_status(qmp, TIMEOUT_MS, status, &err), 0);
	assert_string_equal(status, "running");
	qmp_close(qmp);
	peer_stop(&peer);
}

static void tells_what_qemu_refuses(void **state)
{
	static const char *const says[] = {
		GREETING, OK,
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}}\r\n", NULL
	};
	struct peer peer = { 0 };
	struct qmp *qmp = NULL;
	struct err err;

	peer_start(&peer, says);
	assert_int_equal(qmp_open(peer.dir, "qmp", TIMEOUT_MS, &qmp, &err), 0);
	const struct qmp_command command = { "device_del", "{\"id\":\"x\"}", TIMEOUT_MS };
	assert_int_equal(qmp_execute(qmp, &command, NULL, &err), -EREMOTEIO);
	assert_string_equal(err.msg, "qemu refuses device_del: no such thing");
	qmp_close(qmp);
	peer_stop(&peer);
}

static void awaits_an_event(void **state)
{
	static const char *const says[] = { GREETING, OK RESUME EVENT MIGRATION, NULL };
	struct peer peer = { 0 };
	struct qmp *qmp = NULL;
	char *data = NULL;
	struct err err;

	peer_start(&peer, says);
	assert_int_equal(qmp_open(peer.dir, "qmp", TIMEOUT_MS, &qmp, &err), 0);
	assert_int_equal(qmp_await_event(qmp, "RESUME", TIMEOUT_MS, &data, &err), 0);
	assert_string_equal(data, "{}");
	free(data);
	assert_int_equal(qmp_await_event(qmp, "MIGRATION", TIMEOUT_MS, &data, &err), 0);
	assert_non_null(strstr(data, "completed"));
	free(data);
	assert_int_equal(qmp_await_event(qmp, "RESUME", TIMEOUT_MS, &data, &err), -ECONNRESET);
	qmp_close(qmp);
	peer_stop(&peer);
}

static void gives_a_descriptor(void **state)
{
	static const char *const says[] = { GREETING, OK, OK, NULL };
	auto_close int file = memfd_create("state", MFD_CLOEXEC);
	struct peer peer = { 0 };
	struct qmp *qmp = NULL;
	char text[8] = "";
	struct err err;

	peer_start(&peer, says);
	assert_int_equal(qmp_open(peer.dir, "qmp", TIMEOUT_MS, &qmp, &err), 0);
	assert_int_equal(qmp_give_fd(qmp, "state", file, TIMEOUT_MS, &err), 0);
	assert_int_equal(pread(file, text, sizeof(text), 0), 4);
	assert_string_equal(text, "word");
	qmp_close(qmp);
	peer_stop(&peer);
}

/* A QEMU whose guest has powered off may hang for the sake of the command. */
static void waits_for_nothing_of_one_that_ends(void **state)
{
	static const char *const says[] = {
		GREETING, OK, "{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true}}\r\n", NULL
	};
	struct peer peer = { .stays = true };
	struct qmp *qmp = NULL;
	char status[QMP_STATUS_SIZE];
	struct err err;

	peer_start(&peer, says);
	assert_int_equal(qmp_open(peer.dir, "qmp", TIMEOUT_MS, &qmp, &err), 0);
	assert_int_equal(qmp_query_status(qmp, TIMEOUT_MS, status, &err), -ECONNRESET);
	qmp_close(qmp);
	peer_stop(&peer);
}

/* After "quit" the connection may end before the answer. */
static void quits(void **state)
{
	static const char *const says[] = { GREETING, OK, "", NULL };
	struct peer peer = { 0 };
	struct qmp *qmp = NULL;
	struct err err;

	peer_start(&peer, says);
	assert_int_equal(qmp_open(peer.dir, "qmp", TIMEOUT_MS, &qmp, &err), 0);
	assert_int_equal(qmp_quit(qmp, TIMEOUT_MS, &err), 0);
	qmp_close(qmp);
	peer_stop(&peer);
}

static void expect_open(const char *const *says, bool stays, unsigned timeout_ms, int code)
{
	struct peer peer = { .stays = stays };
	struct qmp *qmp = NULL;
	struct err err;

	peer_start(&peer, says);
	assert_int_equal(qmp_open(peer.dir, "qmp", timeout_ms, &qmp, &err), code);
	assert_null(qmp);
	peer_stop(&peer);
}

static void open_fails(void **state)
{
	static const char *const silent[] = { "", NULL };
	static const char *const other[] = { "{\"hello\": 1}\r\n", NULL };
	static const char *const no_json[] = { "SSH-2.0\r\n", NULL };
	struct qmp *qmp = NULL;
	struct err err;

	expect_open(silent, true, 20, -ETIMEDOUT);
	expect_open(silent, false, TIMEOUT_MS, -ECONNRESET);
	expect_open(other, false, TIMEOUT_MS, -EPROTO);
	expect_open(no_json, false, TIMEOUT_MS, -EPROTO);
	assert_int_equal(qmp_open("/nonexistent", "qmp", TIMEOUT_MS, &qmp, &err), -ENOENT);
}

static void bounds_a_message(void **state)
{
	auto_free char *endless = xmalloc(QMP_MESSAGE_MAX + 100);
	const char *const says[] = { endless, NULL };

	memset(endless, ' ', QMP_MESSAGE_MAX + 99);
	endless[QMP_MESSAGE_MAX + 99] = '\0';
	expect_open(says, false, TIMEOUT_MS, -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_for_the_status),
		cmocka_unit_test(tells_what_qemu_refuses),
		cmocka_unit_test(quits),
		cmocka_unit_test(waits_for_nothing_of_one_that_ends),
		cmocka_unit_test(awaits_an_event),
		cmocka_unit_test(gives_a_descriptor),
		cmocka_unit_test(open_fails),
		cmocka_unit_test(bounds_a_message),
	};

	return cmocka_run_group_tests_name("wire/qmp", tests, NULL, NULL);
}
