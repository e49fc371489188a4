/* gRPC status codes and messages. */
#include "base/base.h"
#include "wire/grpc/grpc.h"

static const int status_errno[] = {
	[0] = 0,         [1] = -ECANCELED, [2] = -EIO,     [3] = -EINVAL,  [4] = -ETIMEDOUT,
	[5] = -ENOENT,   [6] = -EEXIST,    [7] = -EACCES,  [8] = -ENOBUFS, [9] = -EBUSY,
	[10] = -EAGAIN,  [11] = -ERANGE,   [12] = -ENOSYS, [13] = -EIO,    [14] = -EAGAIN,
	[15] = -EBADMSG, [16] = -EACCES,
};

int grpc_status_errno(unsigned status)
{
	return status < ARRAY_LEN(status_errno) ? status_errno[status] : -EIO;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void grpc_message_decode(const char *text, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++) {
		bool is_escape = text[i] == '%' && i + 2 < len && hex_digit(text[i + 1]) >= 0 &&
				 hex_digit(text[i + 2]) >= 0;
		char c = text[i];

		if (is_escape) {
			c = (char)(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
			i += 2;
		}
		out[n++] = c == '\n' || c == '\0' ? ' ' : c;
	}
	out[n] = '\0';
}
