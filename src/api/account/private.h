/* What the routes about accounts share. */
#ifndef HOLM_API_ACCOUNT_PRIVATE_H
#define HOLM_API_ACCOUNT_PRIVATE_H

#include "api/account/account.h"
#include "api/private.h"
#include "server/oakestra.h"

extern const struct field_table account_login_table, account_tokens_table, account_token_table,
	account_new_user_table, account_user_change_table, account_user_table, account_roles_table,
	account_nothing_table, account_reset_table, account_password_change_table,
	account_password_table, account_new_token_table, account_rotate_table,
	account_organization_body_table, account_organization_name_table,
	account_member_roles_table, account_organization_table, account_mail_table;

/* Parses a body that may hold a password: a refusal names the fields that there are, and never what was
 * sent. False: answered. Unknown fields are ignored. The body is wiped. */
bool account_parse(struct api_request *request, const struct field_table *table, void *ret);
/* Of structs with passwords: wipes the texts at these places first. */
void account_fini(const struct field_table *table, void *object, char *const *passwords, size_t n);

/* As Oakestra has it: "_id" of an object, "password" always empty. */
void account_emit_user(const struct user_view *view, struct json_out *out);
/* Answers with the text. */
void account_reply(struct api_request *request, struct json_out *out);
/* The organization that the token is of, NULL: root. */
const char *account_organization(const struct api_request *request);
/* The same if who asks manages it and no more; NULL: an administrator. */
const char *account_manager_of(const struct api_request *request);

/* A new user from the body, with roles in the organization (NULL: root). */
void account_register(struct api_request *request, const char *organization, server_done_fn done);

void account_post_login(struct api_request *request);
void account_post_refresh(struct api_request *request);
void account_post_register(struct api_request *request);
void account_get_permission(struct api_request *request);
void account_get_user(struct api_request *request);
void account_put_user(struct api_request *request);
void account_delete_user(struct api_request *request);
void account_post_user(struct api_request *request);
void account_reset_password(struct api_request *request);
void account_get_settings(struct api_request *request);
void account_put_settings(struct api_request *request);
void account_get_users(struct api_request *request);
void account_get_organizations(struct api_request *request);
void account_post_organization(struct api_request *request);
void account_put_organization(struct api_request *request);
void account_delete_organization(struct api_request *request);
void account_list_organizations(struct api_request *request);
void account_add_organization(struct api_request *request);
void account_remove_organization(struct api_request *request);
void account_put_member(struct api_request *request);
void account_remove_member(struct api_request *request);
void account_list_users(struct api_request *request);
void account_add_user(struct api_request *request);
void account_remove_user(struct api_request *request);
void account_set_password(struct api_request *request);
void account_get_tokens(struct api_request *request);
void account_post_token(struct api_request *request);
void account_delete_token(struct api_request *request);
void account_rotate(struct api_request *request);

#endif
