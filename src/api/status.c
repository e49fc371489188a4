/* The table of errno and status. */
#include "api/status.h"
#include "base/base.h"

static const struct {
	int code;
	unsigned status;
} codes[] = {
	{ -EINVAL, 400 },    { -EPERM, 403 },        { -EACCES, 403 },       { -ENOENT, 404 },
	{ -EEXIST, 409 },    { -EBUSY, 409 },        { -EALREADY, 409 },     { -E2BIG, 413 },
	{ -EFBIG, 413 },     { -ENOTSUP, 422 },      { -EKEYREJECTED, 422 }, { -EAGAIN, 503 },
	{ -ECANCELED, 503 }, { -EHOSTUNREACH, 503 }, { -ESHUTDOWN, 503 },    { -ETIMEDOUT, 504 },
	{ -ENOSPC, 507 },
};

static const struct {
	unsigned status;
	const char *text;
} texts[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 204, "No Content" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 409, "Conflict" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 507, "Insufficient Storage" },
};

unsigned status_of(int code)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].code == code)
			return codes[i].status;
	return 500;
}

const char *status_text(unsigned status)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Error";
}

static const struct field error_fields[] = {
	SHAPE("code", F_U32, .help = "the answer's status"),
	SHAPE("status", F_STR, .help = "the same in words"),
	SHAPE("message", F_STR, .help = "what is wrong"),
	SHAPE_MAY("msg", F_STR, .help = "the same as message, if it is about the token"),
};
SHAPE_TABLE(api_error_table, "error", error_fields);

static char *body(unsigned status, const char *message, const char *msg)
{
	auto_json_out struct json_out out;
	struct err err;
	char *text = NULL;

	json_out_init(&out, 1 << 16);
	json_out_object(&out, NULL);
	json_out_int(&out, "code", status);
	json_out_str(&out, "status", status_text(status));
	json_out_str(&out, "message", message);
	if (msg)
		json_out_str(&out, "msg", msg);
	json_out_object_end(&out);
	int r = json_out_finish(&out, &text, &err);
	assert(r == 0);
	return text;
}

char *status_body(unsigned status, const char *message)
{
	return body(status, message, NULL);
}

char *status_token_body(unsigned status, const char *message)
{
	return body(status, message, message);
}
