/* TLS: what a client has to be, what it may not do, and that its address is its
 * own. Everything else that a server does is tested through TLS by the other
 * programs, with HOLM_TEST_TLS in the environment. */
#include <sys/socket.h>

#include <openssl/ssl.h>

#include "base/secret.h"
#include "fixture.h"

#define REQUEST "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#define LAST    "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
#define UPGRADE "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: flood\r\n\r\n"
#define MUCH    ((size_t)32 << 20) /* more than the kernel keeps for a client */

/* A client on a thread of its own. */
struct client {
	struct fixture *f;
	void (*run)(struct client *client);
	struct secure_options options;
	size_t len; /* of what it did: bytes sent or read */
	bool is_refused;
	bool is_ended; /* by the server */
	char got[1024];
	int version;
	char protocol[16];
	int go[2]; /* closed when it may go on */
};

static int setup(void **state)
{
	fixture_setup(state);
	((struct fixture *)*state)->scheme = "https";
	return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

static void run_client(void *arg)
{
	struct client *c = arg;

	c->run(c);
}

static void client_done(void *arg)
{
	struct client *c = arg;

	if (--c->f->n_clients == 0)
		loop_stop(c->f->loop);
}

static void client_begin(struct client *c, struct fixture *f, void (*run)(struct client *c))
{
	c->f = f;
	c->run = run;
	f->n_clients++;
	work_begin(f->loop, EXECUTOR_RUNTIME, run_client, client_done, c);
}

static void say_who(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	f->n_handled++;
	http_reply(r, 200, "text/plain",
		   xasprintf("from=%s unix=%d", http_request_peer(r), http_request_is_unix(r)));
}

/* Until the server closes, or the answer to one request is there. */
static void read_all(struct client *c, struct secure *s)
{
	ssize_t n;

	while (c->len < sizeof(c->got) - 1 &&
	       (n = secure_read(s, c->got + c->len, sizeof(c->got) - 1 - c->len)) > 0)
		c->len += (size_t)n;
}

static void ask_once(struct client *c)
{
	int fd = fixture_connect_to(c->f, c->f->port);
	struct secure *s = secure_open(fd, &c->options);

	c->is_refused = !s;
	if (s) {
		STR_COPY(c->protocol, secure_protocol(s));
		c->version = secure_version(s);
		secure_write(s, LAST, strlen(LAST));
		read_all(c, s);
	}
	secure_free(s);
	close(fd);
}

static void a_client_is_known_by_its_address_and_is_no_administrator(void **state)
{
	struct fixture *f = *state;
	struct client c = { 0 };

	fixture_start(f, say_who);
	c.options.ca_file = f->ca_file;
	client_begin(&c, f, ask_once);
	fixture_wait(f);
	assert_non_null(strstr(c.got, "HTTP/1.1 200"));
	assert_non_null(strstr(c.got, "from=127.0.0.1 unix=0"));
}

static void versions_from_1_2_and_one_protocol(void **state)
{
	static const struct {
		struct secure_options options;
		bool is_refused;
		const char *protocol;
	} cases[] = {
		{ { .version = TLS1_1_VERSION }, true, "" },
		{ { .version = TLS1_2_VERSION }, false, "" },
		{ { .version = TLS1_3_VERSION }, false, "" },
		{ { .protocol = "http/1.1" }, false, "http/1.1" },
		{ { .protocol = "h2" }, true, "" },
	};
	struct fixture *f = *state;

	fixture_start(f, say_who);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client c = { .options = cases[i].options };

		client_begin(&c, f, ask_once);
		fixture_wait(f);
		assert_int_equal(c.is_refused, cases[i].is_refused);
		assert_string_equal(c.protocol, cases[i].protocol);
		if (c.options.version && !c.is_refused)
			assert_int_equal(c.version, c.options.version);
	}
	assert_int_equal(f->n_handled, 3);
}

static void ask_again(struct client *c)
{
	int fd = fixture_connect_to(c->f, c->f->port);
	struct secure *s = secure_open(fd, &c->options);

	c->is_refused = s && !secure_renegotiate(s);
	secure_free(s);
	close(fd);
}

static void keys_are_not_negotiated_again(void **state)
{
	struct fixture *f = *state;
	struct client c = { .options.version = TLS1_2_VERSION };

	fixture_start(f, say_who);
	client_begin(&c, f, ask_again);
	fixture_wait(f);
	assert_true(c.is_refused);
}

static void clients_without_trust_are_told_so(void **state)
{
	struct fixture *f = *state;
	struct identity *other = identity_new();
	struct call call = { 0 };
	struct call again = { 0 };

	fixture_start(f, say_who);
	identity_show(other, f->server);
	call_begin(&call, f, "/");
	fixture_wait(f);
	assert_int_equal(call.result, -EPROTO);
	assert_non_null(strstr(call.err.msg, "certificate"));
	assert_int_equal(f->n_handled, 0);

	/* What is shown is what was set last. */
	identity_show(f->identity, f->server);
	call_begin(&again, f, "/");
	fixture_wait(f);
	assert_int_equal(again.response.status, 200);
	call_fini(&call);
	call_fini(&again);
	identity_free(other);
}

/* With a pin alone whoever certified the key does not matter; with both, both
 * do. */
static void a_pinned_key_is_enough_or_one_thing_more(void **state)
{
	struct fixture *f = *state;
	struct identity *other = identity_new();
	auto_free char *good = identity_pin(f->identity);
	auto_free char *bad = identity_pin(other);
	const struct {
		const char *pin;
		bool has_ca;
		int result;
	} cases[] = {
		{ good, false, 0 },
		{ good, true, 0 },
		{ bad, false, -EPROTO },
		{ bad, true, -EPROTO },
	};

	fixture_start(f, say_who);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct call call = { .request = { .pin = cases[i].pin } };

		call_prepare(&call, f, "/");
		if (!cases[i].has_ca)
			call.request.ca_file = NULL;
		call_start(&call);
		fixture_wait(f);
		assert_int_equal(call.result, cases[i].result);
		call_fini(&call);
	}
	assert_int_equal(f->n_handled, 2);
	identity_free(other);
}

static void what_is_no_identity_is_refused_and_the_earlier_stays(void **state)
{
	struct fixture *f = *state;
	struct identity *other = identity_new();
	struct secret junk = { 0 };
	struct err err = { 0 };
	char message[ERR_MSG_MAX];
	struct call call = { 0 };

	fixture_start(f, say_who);
	assert_int_equal(identity_show_mixed(f->identity, other, f->server, message,
					     sizeof(message)),
			 -EBADMSG);
	assert_non_null(strstr(message, "key"));
	assert_int_equal(http_server_set_identity(f->server, &junk, &junk, &err), -EBADMSG);
	secret_set(&junk, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", 58);
	assert_int_equal(http_server_set_identity(f->server, &junk, &junk, &err), -EBADMSG);
	call_begin(&call, f, "/");
	fixture_wait(f);
	assert_int_equal(call.response.status, 200);
	call_fini(&call);
	secret_fini(&junk);
	identity_free(other);
}

/* What a client sees that does not speak TLS, or stops in the middle of its
 * first message. */

struct plain {
	struct client client; /* first */
	const char *sent;
	size_t n_sent;
};

static void send_plain(struct client *c)
{
	struct plain *plain = container_of(c, struct plain, client);
	int fd = fixture_connect_to(c->f, c->f->port);
	ssize_t n = 1;

	send(fd, plain->sent, plain->n_sent, MSG_NOSIGNAL);
	while (n > 0 && c->len < sizeof(c->got) - 1) {
		n = recv(fd, c->got + c->len, sizeof(c->got) - 1 - c->len, 0);
		c->len += n > 0 ? (size_t)n : 0;
	}
	c->is_ended = n <= 0;
	close(fd);
}

static void plain_begin(struct plain *plain, struct fixture *f, const char *sent, size_t n)
{
	*plain = (struct plain){ .sent = sent, .n_sent = n };
	client_begin(&plain->client, f, send_plain);
}

static void without_tls_the_answer_is_clear(void **state)
{
	static const char junk[] = "\x16\x03\x01\x00\x05hello and more";
	struct fixture *f = *state;
	struct plain plain;

	fixture_start(f, say_who);
	plain_begin(&plain, f, LAST, strlen(LAST));
	fixture_wait(f);
	assert_non_null(strstr(plain.client.got, "HTTP/1.1 400"));
	assert_non_null(strstr(plain.client.got, "use https://"));

	plain_begin(&plain, f, junk, sizeof(junk) - 1);
	fixture_wait(f);
	assert_true(plain.client.is_ended);
	assert_null(strstr(plain.client.got, "HTTP"));
	assert_int_equal(f->n_handled, 0);
}

static void this_machine_may_do_without_if_it_is_allowed(void **state)
{
	struct fixture *f = *state;
	struct plain plain;
	struct client c = { 0 };

	f->config.allows_local_plain = true;
	fixture_start(f, say_who);
	plain_begin(&plain, f, LAST, strlen(LAST));
	fixture_wait(f);
	assert_non_null(strstr(plain.client.got, "from=127.0.0.1 unix=0"));
	client_begin(&c, f, ask_once);
	fixture_wait(f);
	assert_non_null(strstr(c.got, "from=127.0.0.1 unix=0"));
}

static void a_handshake_has_a_limit_of_time(void **state)
{
	static const char begun[] = "\x16\x03\x01\x02\x00\x01";
	struct fixture *f = *state;
	struct plain silent, slow;

	f->config.handshake_timeout_ms = 100;
	fixture_start(f, say_who);
	plain_begin(&silent, f, "", 0);
	plain_begin(&slow, f, begun, sizeof(begun) - 1);
	fixture_wait(f);
	assert_true(silent.client.is_ended && silent.client.len == 0);
	assert_true(slow.client.is_ended);
}

static void one_handshake_too_many_ends_the_oldest(void **state)
{
	struct fixture *f = *state;
	struct client c = { 0 };
	int idle[3];
	char byte;

	f->config.max_handshakes = 2;
	fixture_start(f, say_who);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		idle[i] = fixture_connect_to(f, f->port);
	client_begin(&c, f, ask_once);
	fixture_wait(f);
	assert_non_null(strstr(c.got, "HTTP/1.1 200"));
	/* Two of three made room for the third and for who asked. */
	assert_int_equal(recv(idle[0], &byte, 1, 0), 0);
	assert_int_equal(recv(idle[1], &byte, 1, 0), 0);
	assert_int_equal(recv(idle[2], &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		close(idle[i]);
}

static void leave(void *arg)
{
	struct fixture *f = arg;

	f->timer = NULL;
	f->n_gone++;
	for (int i = 0; i < 2; i++)
		close(f->idle[i]);
}

static void note_whether_they_left(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	f->n_handled += http_request_is_unix(r) ? 1 : 10 * f->n_gone;
	http_reply(r, 200, "text/plain", NULL);
}

static void handshakes_count_as_connections(void **state)
{
	struct fixture *f = *state;
	struct client c = { 0 };
	struct call over_unix = { .request = { .unix_path = f->unix_path } };

	f->config.max_connections = 3;
	f->config.n_reserved = 1;
	fixture_start(f, note_whether_they_left);
	for (int i = 0; i < 2; i++)
		f->idle[i] = fixture_connect_to(f, f->port);
	call_begin(&over_unix, f, "/");
	fixture_wait(f);
	assert_int_equal(f->n_handled, 1);
	/* There is no place left: it waits until one is free, and does not end
   * another's handshake. */
	client_begin(&c, f, ask_once);
	f->timer = timer_start(f->loop, 200, leave, f);
	fixture_wait(f);
	assert_int_equal(f->n_handled, 11);
	call_fini(&over_unix);
}

static void say_much(void *arg, struct http_request *r)
{
	char *text = xcalloc(1, MUCH + 1);

	memset(text, 'x', MUCH);
	http_reply(r, 200, "text/plain", text);
}

static void who_takes_nothing_is_cut_off(void **state)
{
	struct fixture *f = *state;
	struct raw raw = { .is_open = true };
	struct client c = { 0 };

	f->config.stall_timeout_ms = 100;
	f->config.max_connections = 2;
	f->config.n_reserved = 1;
	fixture_start(f, say_much);
	raw_begin(&raw, f, REQUEST);
	fixture_wait(f);
	/* The only place is free when the first one has lost it. */
	client_begin(&c, f, ask_once);
	fixture_wait(f);
	assert_non_null(strstr(c.got, "HTTP/1.1 200"));
	raw_fini(&raw);
}

/* As much as is left in the socket pair and in the link when the library has
 * closed its end. */
static void say_little(void *arg, struct http_request *r)
{
	const size_t len = 150000;
	char *text = xcalloc(1, len + 1);

	memset(text, 'y', len);
	http_reply(r, 200, "text/plain", text);
}

static void the_rest_is_sent_when_the_server_has_closed(void **state)
{
	struct fixture *f = *state;
	struct raw raw = { 0 };

	fixture_start(f, say_little);
	raw_begin(&raw, f, LAST);
	fixture_wait(f);
	const char *body = strstr(raw.got, "\r\n\r\n");
	assert_non_null(body);
	assert_int_equal(strlen(body + 4), 150000);
	raw_fini(&raw);
}

/* Says that it has nothing to say any more, and reads. */
static void ask_and_end(struct client *c)
{
	int fd = fixture_connect_to(c->f, c->f->port);
	struct secure *s = secure_open(fd, &c->options);

	secure_write(s, REQUEST, strlen(REQUEST));
	secure_end(s);
	shutdown(fd, SHUT_WR);
	read_all(c, s);
	secure_free(s);
	close(fd);
}

static void who_ends_his_half_gets_the_answer(void **state)
{
	struct fixture *f = *state;
	struct client c = { 0 };

	fixture_start(f, say_who);
	client_begin(&c, f, ask_and_end);
	fixture_wait(f);
	assert_non_null(strstr(c.got, "from=127.0.0.1"));
}

/* Connections that are no longer HTTP. */

static void take_nothing(void *arg, const char *data, size_t len)
{
}

static void flood(void *arg)
{
	struct fixture *f = arg;
	static const char piece[4096] = "z";

	for (; f->n_written < MUCH; f->n_written += sizeof(piece))
		if (http_stream_write(f->request, piece, sizeof(piece)) < 0)
			return;
	http_stream_end(f->request);
}

static void on_flood(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	f->request = r;
	http_stream_on_room(r, flood, f);
	http_upgrade_begin(r, "flood", take_nothing, f);
	flood(f);
}

static void let_go(void *arg)
{
	struct client *c = arg;

	c->f->timer = NULL;
	close(c->go[1]);
}

/* Takes nothing until it may, then all. */
static void hesitate(struct client *c)
{
	int fd = fixture_connect_to(c->f, c->f->port);
	struct secure *s = secure_open(fd, &c->options);
	char piece[16384];
	ssize_t n;

	secure_write(s, UPGRADE, strlen(UPGRADE));
	n = read(c->go[0], piece, 1);
	assert(n == 0);
	while ((n = secure_read(s, piece, sizeof(piece))) > 0)
		c->len += (size_t)n;
	secure_free(s);
	close(fd);
}

static void after_an_upgrade_a_client_may_take_his_time(void **state)
{
	struct fixture *f = *state;
	struct client c = { 0 };

	f->config.stall_timeout_ms = 50;
	fixture_start(f, on_flood);
	assert_int_equal(pipe(c.go), 0);
	f->timer = timer_start(f->loop, 500, let_go, &c);
	client_begin(&c, f, hesitate);
	fixture_wait(f);
	assert_true(c.len > MUCH);
	close(c.go[0]);
}

static void note_gone(void *arg)
{
	struct fixture *f = arg;

	f->n_gone++;
	http_stream_end(f->request);
	loop_stop(f->loop);
}

static void on_unwanted(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	f->request = r;
	http_request_on_gone(r, note_gone, f);
	http_upgrade_begin(r, "flood", take_nothing, f);
	http_upgrade_want(r, false);
}

/* Sends more than the pair and the link hold, and leaves without a word. */
static void send_and_leave(struct client *c)
{
	int fd = fixture_connect_to(c->f, c->f->port);
	const struct linger at_once = { 1, 0 };
	const size_t len = 400000;
	const int room = 1 << 20;
	struct secure *s = secure_open(fd, &c->options);
	auto_free char *bytes = xcalloc(1, len);
	char answer[256];

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	secure_write(s, UPGRADE, strlen(UPGRADE));
	secure_read(s, answer, sizeof(answer));
	secure_write(s, bytes, len);
	c->len = (size_t)read(c->go[0], answer, 1);
	secure_free(s);
	close(fd);
}

static void who_leaves_while_nothing_is_wanted_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct client c = { 0 };

	fixture_start(f, on_unwanted);
	assert_int_equal(pipe(c.go), 0);
	f->timer = timer_start(f->loop, 300, let_go, &c);
	client_begin(&c, f, send_and_leave);
	fixture_wait(f);
	f->n_clients = 1;
	if (!f->n_gone)
		fixture_wait(f);
	assert_int_equal(f->n_gone, 1);
	f->n_clients = 0;
	close(c.go[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_is_known_by_its_address_and_is_no_administrator),
		TEST(versions_from_1_2_and_one_protocol),
		TEST(keys_are_not_negotiated_again),
		TEST(clients_without_trust_are_told_so),
		TEST(a_pinned_key_is_enough_or_one_thing_more),
		TEST(what_is_no_identity_is_refused_and_the_earlier_stays),
		TEST(without_tls_the_answer_is_clear),
		TEST(this_machine_may_do_without_if_it_is_allowed),
		TEST(a_handshake_has_a_limit_of_time),
		TEST(one_handshake_too_many_ends_the_oldest),
		TEST(handshakes_count_as_connections),
		TEST(who_takes_nothing_is_cut_off),
		TEST(the_rest_is_sent_when_the_server_has_closed),
		TEST(who_ends_his_half_gets_the_answer),
		TEST(after_an_upgrade_a_client_may_take_his_time),
		TEST(who_leaves_while_nothing_is_wanted_is_noticed),
	};

	return cmocka_run_group_tests_name("wire/http_server/tls", tests, NULL, NULL);
}
