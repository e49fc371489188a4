/* Mail, which this server does not send: the dashboard's settings of it, and passwords that are reset by
 * it. */
#include "api/account/private.h"

struct mail_body {
	char *type;
};

static const struct field mail_fields[] = {
	FIELD(struct mail_body, type, "type", F_STR, .flags = F_REQUIRED),
};
FIELD_TABLE(account_mail_table, struct mail_body, "mail settings", mail_fields);

static const char none[] = "{\"type\":\"None\"}";

void account_get_settings(struct api_request *request)
{
	api_reply_json(request, xstrdup(none));
}

/* A password of a mail server may be in it. */
void account_put_settings(struct api_request *request)
{
	struct mail_body body = { 0 };

	if (!account_parse(request, &account_mail_table, &body))
		return;
	if (str_eq(body.type, "None"))
		api_reply_json(request, xstrdup(none));
	else
		api_reply_error(request, 501, "this server sends no mail: the only type is None");
	fields_fini(&account_mail_table, &body);
}

void account_reset_password(struct api_request *request)
{
	http_request_wipe_body(request->http);
	api_reply_error(request, 501,
			"this server sends no mail: an administrator sets a new password "
			"(holm user passwd NAME)");
}
