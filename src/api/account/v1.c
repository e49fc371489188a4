/* Our own calls about users. */
#include "api/account/private.h"

#define LIST_MAX (64u << 20)

void account_list_users(struct api_request *request)
{
	auto_user_views struct user_views views = { 0 };
	auto_json_out struct json_out out;
	struct err ignored;

	server_user_views(request->api->config.server, NULL, &views, &ignored);
	json_out_init(&out, LIST_MAX);
	json_out_array(&out, NULL);
	for (size_t i = 0; i < views.n; i++)
		fields_emit(&user_view_table, &views.items[i], &out, NULL);
	json_out_array_end(&out);
	account_reply(request, &out);
}

void account_add_user(struct api_request *request)
{
	account_register(request, NULL, api_on_planned);
}

void account_remove_user(struct api_request *request)
{
	server_user_remove_begin(request->api->config.server, request->match.params[0], NULL,
				 api_on_planned, request);
}

struct password_body {
	char *password;
};

static const struct field password_fields[] = {
	FIELD(struct password_body, password, "password", F_STR, .flags = F_REQUIRED),
};
FIELD_TABLE(account_password_table, struct password_body, "password", password_fields);

void account_set_password(struct api_request *request)
{
	struct password_body body = { 0 };

	if (!account_parse(request, &account_password_table, &body))
		return;
	const struct server_user user = { .name = request->match.params[0],
					  .password = body.password };
	if (str_is_empty(body.password))
		api_reply_error(request, 400, "the password is empty");
	else
		server_user_put_begin(request->api->config.server, &user, api_on_planned, request);
	account_fini(&account_password_table, &body, &body.password, 1);
}
