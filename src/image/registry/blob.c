/* A body that is taken up again where it broke off. */
#include "image/registry/session.h"
#include "loop/loop.h"

#define VAIN_MAX     3   /* attempts in a row that bring nothing */
#define ATTEMPTS_MAX 100 /* that bring little, for servers that hand out crumbs */
#define LITTLE       (1u << 20)

struct piece {
	struct blob_read *read;
	struct err err;
};

/* A server that does not resume starts again at 0: what has been handed on is skipped. */
static int on_piece(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct piece *piece = arg;
	struct blob_read *read = piece->read;

	if (offset > read->done)
		return err_set(&piece->err, -EPROTO, "bytes from %llu where %llu were due",
			       (unsigned long long)offset, (unsigned long long)read->done);
	uint64_t known = read->done - offset;
	if (known >= len)
		return 0;
	data = (const char *)data + known;
	len -= known;
	if (len > read->size - read->done)
		return err_set(&piece->err, -EBADMSG,
			       "blob is longer than its descriptor says (%llu bytes)",
			       (unsigned long long)read->size);
	int r = read->sink->write(read->sink->arg, data, len, &piece->err);
	if (r < 0)
		read->is_sink_error = true;
	else
		read->done += len;
	return r;
}

static int attempt(struct blob_read *read, struct err *err)
{
	auto_http_client_response struct http_client_response response = { 0 };
	struct piece piece = { .read = read };
	struct http_client_request request = {
		.sink = on_piece,
		.sink_arg = &piece,
		.resume_from = read->done,
		.cancel = read->cancel,
	};
	int r = read->get(read->arg, &request, &response, err);

	if (piece.err.code)
		return err_copy(err, &piece.err);
	if (r == 0 && read->done < read->size)
		return err_set(err, -ECONNRESET, "%llu of %llu bytes are missing",
			       (unsigned long long)(read->size - read->done),
			       (unsigned long long)read->size);
	return r;
}

int blob_read(struct blob_read *read, struct err *err)
{
	unsigned n_vain = 0, n_little = 0;

	while (read->done < read->size) {
		uint64_t before = read->done;
		int r = attempt(read, err);

		if (r == 0)
			return 0;
		if (read->is_sink_error || (r != -ECONNRESET && r != -ETIMEDOUT))
			return r;
		n_vain = read->done > before ? 0 : n_vain + 1;
		n_little = read->done >= before + LITTLE ? 0 : n_little + 1;
		if (n_vain == VAIN_MAX || n_little == ATTEMPTS_MAX)
			return r;
		if (n_vain && cancel_wait(read->cancel, registry_session_delay_ms(
								n_vain - 1, read->retry_first_ms)))
			return err_set(err, -ECANCELED, "cancelled");
	}
	return 0;
}
