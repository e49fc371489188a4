/* Those who are attached to a program's output: clients of a socket (SOCK_SEQPACKET) that get it as it
 * comes, each packet being one byte, the number of the stream, and then output. The
 * program waits for a slow one, as for the reader of a pipe, but not for ever: who takes nothing for ten
 * seconds is let go. */
#ifndef HOLM_HELPER_AUDIENCE_H
#define HOLM_HELPER_AUDIENCE_H

#include <poll.h>
#include <stddef.h>

#include "helper/log_file.h"

#define AUDIENCE_MAX      8
#define AUDIENCE_TAIL_MAX 1024 /* bytes of a line without its end, which who comes gets first */

/* Of poll(2): the listening socket, then the clients; fd -1: none. */
enum { AUDIENCE_FDS = 1 + AUDIENCE_MAX };

struct audience {
	struct pollfd *fds; /* AUDIENCE_FDS, of the caller's array */
	size_t tail_len;
	char tail[AUDIENCE_TAIL_MAX]; /* of stdout: a prompt, say */
};

/* `listener` -1: nobody will come. */
void audience_init(struct audience *audience, struct pollfd *fds, int listener);
/* To all who are there. */
void audience_tell(struct audience *audience, enum log_stream stream, const char *data, size_t len);
/* After poll(2): lets in who came, and lets go who went. */
void audience_look(struct audience *audience);

#endif
