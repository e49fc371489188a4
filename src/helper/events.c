/* A line is a JSON object in QEMU's own way of writing; no text of a guest is in the ones looked for. */
#include <sys/socket.h>

#include "helper/events.h"

/* QEMU sends events once that was asked for; it reads it when it comes to it. */
#define ASK    "{\"execute\": \"qmp_capabilities\"}\n"
#define EVENT  "\"event\": \"SHUTDOWN\""
#define REASON "\"reason\": \""

int events_open(struct events *events, int *ret_other, struct err *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_errno(err, "create socket pair");
	ssize_t n = send(ends[0], ASK, strlen(ASK), MSG_NOSIGNAL);
	if (n != (ssize_t)strlen(ASK)) {
		close(ends[0]);
		close(ends[1]);
		return err_errno(err, "write to socket pair");
	}
	events->fd = ends[0];
	*ret_other = ends[1];
	return 0;
}

static void take_line(struct events *events)
{
	const char *event = strstr(events->line, EVENT);
	const char *reason = event ? strstr(event, REASON) : NULL;

	if (!reason)
		return;
	reason += strlen(REASON);
	size_t len = strspn(reason, "abcdefghijklmnopqrstuvwxyz-");
	if (len && len < sizeof(events->cause) && reason[len] == '"') {
		memcpy(events->cause, reason, len);
		events->cause[len] = '\0';
	}
}

static void take(struct events *events, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] != '\n') {
			if (events->len < sizeof(events->line))
				events->line[events->len++] = data[i];
			continue;
		}
		if (events->len < sizeof(events->line)) {
			events->line[events->len] = '\0';
			take_line(events);
		}
		events->len = 0;
	}
}

bool events_read(struct events *events)
{
	char chunk[1024];
	ssize_t n;

	if (events->fd < 0)
		return false;
	while ((n = recv(events->fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0)
		take(events, chunk, (size_t)n);
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}
