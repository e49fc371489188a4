/* Calling hooks over HTTP, on an executor thread. */
#include "base/base.h"
#include "daemon/hook.h"
#include "wire/http_client/http_client.h"

#define CONNECT_TIMEOUT_MS 5000

int hook_post(void *arg, const struct server_hook_call *call, struct server_hook_answer *ret,
	      struct err *err)
{
	struct http_client_response response = { 0 };
	const struct http_client_request request = {
		.method = "POST",
		.url = call->url,
		.headers = call->headers,
		.body = call->body,
		.body_len = call->len,
		.max_body = SERVER_HOOK_ANSWER_MAX,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.total_timeout_ms = SERVER_HOOK_TIMEOUT_MS,
		.cancel = call->cancel,
	};
	int r = http_client_perform(&request, &response, err);

	if (r < 0)
		return r;
	*ret = (struct server_hook_answer){
		.status = response.status,
		.body = TAKE(response.body),
		.len = response.body_len,
	};
	http_client_response_fini(&response);
	return 0;
}
