/* Probes against a server of our own on the loopback interface, which answers as it is told. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "loop/loop.h"
#include "wire/net_probe/net_probe.h"

#define REQUEST "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"

struct place {
	struct loop *loop;
	int listener;
	uint16_t port;
	int peer; /* the connection, -1: none */
	struct io *accepting;
	struct io *reading;
	char asked[256];
	const char *answer; /* NULL: none is given */
	bool is_closing;    /* after the answer */
	bool is_done;
	struct net_probe_answer told;
};

static int setup(void **state)
{
	struct place *place = NEW(struct place);
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	place->loop = loop_new();
	place->peer = -1;
	place->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(place->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(place->listener, 8), 0);
	getsockname(place->listener, (struct sockaddr *)&address, &len);
	place->port = ntohs(address.sin_port);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	loop_free(place->loop);
	if (place->peer >= 0)
		close(place->peer);
	if (place->listener >= 0)
		close(place->listener);
	free(place);
	return 0;
}

static void on_asked(void *arg, unsigned events)
{
	struct place *place = arg;
	ssize_t n = read(place->peer, place->asked, sizeof(place->asked) - 1);

	place->reading = io_cancel(place->reading);
	if (n <= 0 || !place->answer)
		return;
	assert_int_equal(write(place->peer, place->answer, strlen(place->answer)),
			 strlen(place->answer));
	if (place->is_closing)
		close(TAKE_FD(place->peer));
}

static void on_connection(void *arg, unsigned events)
{
	struct place *place = arg;

	place->peer = accept(place->listener, NULL, NULL);
	place->accepting = io_cancel(place->accepting);
	place->reading = io_watch(place->loop, place->peer, IO_READ, on_asked, place);
}

static void on_done(void *arg, const struct net_probe_answer *answer)
{
	struct place *place = arg;

	assert_false(place->is_done);
	place->is_done = true;
	place->told = *answer;
	loop_stop(place->loop);
}

static const struct net_probe_answer *ask(struct place *place, const char *request,
					  uint64_t timeout_ms)
{
	const struct net_probe_target target = { .ip = INADDR_LOOPBACK,
						 .port = place->port,
						 .request = request,
						 .timeout_ms = timeout_ms };

	if (place->listener >= 0)
		place->accepting = io_watch(place->loop, place->listener, IO_READ, on_connection,
					    place);
	assert_non_null(net_probe_begin(place->loop, &target, on_done, place));
	assert_false(place->is_done);
	loop_run(place->loop);
	return &place->told;
}

static void a_status_is_told(void **state)
{
	struct place *place = *state;

	place->answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nno\n";
	const struct net_probe_answer *answer = ask(place, REQUEST, 10000);
	assert_int_equal(answer->err.code, 0);
	assert_int_equal(answer->status, 503);
	assert_string_equal(place->asked, REQUEST);
}

static void a_server_that_closes(void **state)
{
	struct place *place = *state;

	place->answer = "HTTP/1.0 200 OK\r\n\r\n";
	place->is_closing = true;
	assert_int_equal(ask(place, REQUEST, 10000)->status, 200);
}

static void what_is_no_http(void **state)
{
	static const char *const bad[] = { "SSH-2.0-OpenSSH_9.2", "HTTP/2.0 2x0 ", "HTTP/1.1200 OK",
					   "\x15\x03\x03\x00\x02\x02" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		void *fresh;

		setup(&fresh);
		struct place *place = fresh;
		place->answer = bad[i];
		place->is_closing = true;
		const struct net_probe_answer *answer = ask(place, REQUEST, 10000);
		assert_int_equal(answer->err.code, -EPROTO);
		assert_int_equal(answer->status, 0);
		teardown(&fresh);
	}
}

static void a_close_without_an_answer(void **state)
{
	struct place *place = *state;

	place->answer = "";
	place->is_closing = true;
	assert_string_equal(ask(place, REQUEST, 10000)->err.msg, "closed without an answer");
}

static void no_answer_in_time(void **state)
{
	struct place *place = *state;
	const struct net_probe_answer *answer = ask(place, REQUEST, 200);

	assert_int_equal(answer->err.code, -ETIMEDOUT);
	assert_string_equal(answer->err.msg, "no answer within 0.2 s");
	assert_false(answer->is_own);
}

static void a_connection_alone(void **state)
{
	assert_int_equal(ask(*state, NULL, 10000)->err.code, 0);
}

static void a_closed_port(void **state)
{
	struct place *place = *state;

	close(TAKE_FD(place->listener));
	assert_string_equal(ask(place, NULL, 10000)->err.msg, "connect: Connection refused");
	place->is_done = false;
	assert_string_equal(ask(place, REQUEST, 10000)->err.msg, "connect: Connection refused");
}

static void an_address_that_cannot_be_reached_is_told_later(void **state)
{
	struct place *place = *state;
	const struct net_probe_target target = { .ip = 0xffffffff, .port = 1, .timeout_ms = 10000 };

	net_probe_begin(place->loop, &target, on_done, place);
	assert_false(place->is_done);
	loop_run(place->loop);
	assert_int_not_equal(place->told.err.code, 0);
}

static void on_never(void *arg, const struct net_probe_answer *answer)
{
	fail_msg("a cancelled probe has told something");
}

static void a_cancelled_one_tells_nothing(void **state)
{
	struct place *place = *state;
	const struct net_probe_target target = { .ip = INADDR_LOOPBACK,
						 .port = place->port,
						 .timeout_ms = 1 };
	struct net_probe *probe = net_probe_begin(place->loop, &target, on_never, place);

	assert_null(net_probe_cancel(probe));
	assert_null(net_probe_cancel(NULL));
	ask(place, NULL, 10000);
	/* One is left when the loop goes. */
	probe = net_probe_begin(place->loop, &target, on_never, place);
	place->loop = loop_free(place->loop);
	assert_null(net_probe_free(probe));
	place->loop = loop_new();
}

/* Many at once, as on a node full of instances: the server answers each on its own connection. */
#define N_MANY 1000

struct crowd {
	struct place *place;
	struct io *reading[N_MANY];
	int peers[N_MANY];
	unsigned n_accepted;
	unsigned n_good;
	unsigned n_told;
};

static void on_many_asked(void *arg, unsigned events)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	struct crowd *crowd = arg;
	char request[256];

	for (unsigned i = 0; i < crowd->n_accepted; i++) {
		if (!crowd->reading[i] ||
		    recv(crowd->peers[i], request, sizeof(request), MSG_DONTWAIT) <= 0)
			continue;
		crowd->reading[i] = io_cancel(crowd->reading[i]);
		assert_int_equal(write(crowd->peers[i], ok, strlen(ok)), strlen(ok));
	}
}

static void on_many_connections(void *arg, unsigned events)
{
	struct crowd *crowd = arg;
	unsigned i = crowd->n_accepted++;

	assert_in_range(i, 0, N_MANY - 1);
	crowd->peers[i] = accept(crowd->place->listener, NULL, NULL);
	assert_true(crowd->peers[i] >= 0);
	crowd->reading[i] = io_watch(crowd->place->loop, crowd->peers[i], IO_READ, on_many_asked,
				     crowd);
}

static void on_one_of_many(void *arg, const struct net_probe_answer *answer)
{
	struct crowd *crowd = arg;

	crowd->n_good += answer->status == 200;
	if (++crowd->n_told == N_MANY)
		loop_stop(crowd->place->loop);
}

static void a_thousand_at_once(void **state)
{
	struct place *place = *state;
	struct crowd *crowd = NEW(struct crowd);
	const struct net_probe_target target = { .ip = INADDR_LOOPBACK,
						 .port = place->port,
						 .request = REQUEST,
						 .timeout_ms = 60000 };
	struct rlimit limit = { 4096, 4096 };

	crowd->place = place;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		skip();
	assert_int_equal(listen(place->listener, N_MANY), 0);
	place->accepting = io_watch(place->loop, place->listener, IO_READ, on_many_connections,
				    crowd);
	for (unsigned i = 0; i < N_MANY; i++)
		net_probe_begin(place->loop, &target, on_one_of_many, crowd);
	loop_run(place->loop);
	assert_int_equal(crowd->n_good, N_MANY);
	for (unsigned i = 0; i < crowd->n_accepted; i++)
		close(crowd->peers[i]);
	free(crowd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_status_is_told),
		T(a_server_that_closes),
		cmocka_unit_test(what_is_no_http),
		T(a_close_without_an_answer),
		T(no_answer_in_time),
		T(a_connection_alone),
		T(a_closed_port),
		T(an_address_that_cannot_be_reached_is_told_later),
		T(a_cancelled_one_tells_nothing),
		T(a_thousand_at_once),
	};

	return cmocka_run_group_tests_name("wire/net_probe", tests, NULL, NULL);
}
