/* Those who are attached to a logger: what they get, and what becomes of slow ones. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/base.h"
#include "helper/audience.h"

struct hall {
	struct audience audience;
	struct pollfd fds[AUDIENCE_FDS];
	struct sockaddr_un address;
};

static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static int setup(void **state)
{
	struct hall *hall = NEW(struct hall);
	int listener = open_socket();

	hall->address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* An abstract name, free again with the socket. */
	snprintf(hall->address.sun_path + 1, sizeof(hall->address.sun_path) - 1, "holm-audience-%d",
		 (int)getpid());
	assert_int_equal(bind(listener, (struct sockaddr *)&hall->address, sizeof(hall->address)),
			 0);
	assert_int_equal(listen(listener, AUDIENCE_MAX + 1), 0);
	audience_init(&hall->audience, hall->fds, listener);
	*state = hall;
	return 0;
}

static int teardown(void **state)
{
	struct hall *hall = *state;

	for (size_t i = 0; i < AUDIENCE_FDS; i++)
		if (hall->fds[i].fd >= 0)
			close(hall->fds[i].fd);
	free(hall);
	return 0;
}

static void look(struct hall *hall)
{
	assert_true(poll(hall->fds, AUDIENCE_FDS, 10000) > 0);
	audience_look(&hall->audience);
}

static int come(struct hall *hall)
{
	int fd = open_socket();

	assert_int_equal(connect(fd, (struct sockaddr *)&hall->address, sizeof(hall->address)), 0);
	look(hall);
	return fd;
}

static void tell(struct hall *hall, enum log_stream stream, const char *text)
{
	audience_tell(&hall->audience, stream, text, strlen(text));
}

static void expect(int fd, enum log_stream stream, const char *text)
{
	char packet[64];
	ssize_t n = recv(fd, packet, sizeof(packet) - 1, 0);

	assert_int_equal(n, (ssize_t)strlen(text) + 1);
	packet[n] = '\0';
	assert_int_equal(packet[0], stream);
	assert_string_equal(packet + 1, text);
}

static void all_get_what_comes(void **state)
{
	struct hall *hall = *state;

	tell(hall, LOG_STREAM_OUT, "before\n");
	int one = come(hall);
	tell(hall, LOG_STREAM_OUT, "first\n");
	int two = come(hall);
	tell(hall, LOG_STREAM_ERR, "second");
	expect(one, LOG_STREAM_OUT, "first\n");
	expect(one, LOG_STREAM_ERR, "second");
	expect(two, LOG_STREAM_ERR, "second");
	close(one);
	look(hall);
	tell(hall, LOG_STREAM_OUT, "third");
	expect(two, LOG_STREAM_OUT, "third");
	close(two);
}

static void who_came_before_gets_it_without_a_look(void **state)
{
	struct hall *hall = *state;
	int fd = open_socket();

	assert_int_equal(connect(fd, (struct sockaddr *)&hall->address, sizeof(hall->address)), 0);
	tell(hall, LOG_STREAM_OUT, "at once\n");
	expect(fd, LOG_STREAM_OUT, "at once\n");
	close(fd);
}

static void a_prompt_is_told_to_who_comes_later(void **state)
{
	struct hall *hall = *state;
	char line[2 * AUDIENCE_TAIL_MAX];
	char packet[2 * AUDIENCE_TAIL_MAX];

	tell(hall, LOG_STREAM_OUT, "a line\n/ ");
	tell(hall, LOG_STREAM_ERR, "not this");
	tell(hall, LOG_STREAM_OUT, "# ");
	int one = come(hall);
	expect(one, LOG_STREAM_OUT, "/ # ");
	close(one);
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = 'y';
	audience_tell(&hall->audience, LOG_STREAM_OUT, line, sizeof(line));
	int two = come(hall);
	assert_int_equal(recv(two, packet, sizeof(packet), 0), 1 + AUDIENCE_TAIL_MAX);
	assert_int_equal(packet[AUDIENCE_TAIL_MAX], 'y');
	close(two);
}

static void no_more_than_its_places(void **state)
{
	struct hall *hall = *state;
	int fds[AUDIENCE_MAX];
	char c;

	for (size_t i = 0; i < AUDIENCE_MAX; i++)
		fds[i] = come(hall);
	int more = come(hall);
	assert_int_equal(recv(more, &c, 1, 0), 0);
	close(more);
	close(fds[3]);
	look(hall);
	more = come(hall);
	tell(hall, LOG_STREAM_OUT, "x");
	expect(more, LOG_STREAM_OUT, "x");
	close(more);
	for (size_t i = 0; i < AUDIENCE_MAX; i++)
		if (i != 3)
			close(fds[i]);
}

static void much_goes_in_packets(void **state)
{
	struct hall *hall = *state;
	static char much[100000];
	static char packet[20000];
	size_t got = 0;

	memset(much, 'm', sizeof(much));
	int one = come(hall);
	audience_tell(&hall->audience, LOG_STREAM_OUT, much, sizeof(much));
	while (got < sizeof(much)) {
		ssize_t n = recv(one, packet, sizeof(packet), 0);

		assert_in_range(n, 2, 1 + (16 << 10));
		got += (size_t)n - 1;
	}
	assert_int_equal(got, sizeof(much));
	close(one);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_get_what_comes),
		TEST(who_came_before_gets_it_without_a_look),
		TEST(a_prompt_is_told_to_who_comes_later),
		TEST(no_more_than_its_places),
		TEST(much_goes_in_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
