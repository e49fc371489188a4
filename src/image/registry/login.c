/* Logging in to registries, out again, and what is known about them. */
#include "image/registry/session.h"
#include "loop/loop.h"

#define USER_MAX     256
#define PASSWORD_MAX (16u << 10)

static int check_form(const struct image_login *login, struct err *err)
{
	const struct secret *password = login->password;

	if (!*login->host || strpbrk(login->host, "/ \t?#@"))
		return err_set(err, -EINVAL, "log in to %.200s: expected HOST[:PORT]", login->host);
	/* A colon ends the user in basic authentication (RFC 7617). */
	if (!*login->user || strlen(login->user) > USER_MAX || strpbrk(login->user, ":\r\n"))
		return err_set(err, -EINVAL,
			       "log in to %s: expected a user of 1 to %d bytes without colon",
			       login->host, USER_MAX);
	if (!password->len || password->len > PASSWORD_MAX || !secret_is_text(password))
		return err_set(err, -EINVAL,
			       "log in to %s: expected a password of 1 to %u bytes of text",
			       login->host, PASSWORD_MAX);
	return 0;
}

int image_registry_check(const struct image_config *config, const struct image_login *login,
			 const struct cancel *cancel, bool *ret_is_asked, struct err *err)
{
	auto_registry_hosts struct registry_hosts hosts = { 0 };
	auto_http_client_response struct http_client_response response = { 0 };
	auto_(registry_session_close) struct registry_session *session = NULL;
	auto_free char *user = xstrdup(login->user);
	struct http_client_request request = { .cancel = cancel };
	const struct registry_session_config place = { .images = config,
						       .hosts = &hosts,
						       .place = login->host };
	/* Borrowed for the call. */
	const struct credential credential = { .user = user, .password = *login->password };
	int r = check_form(login, err);

	if (r == 0)
		r = registry_hosts_read(config, &hosts, err);
	if (r == 0)
		r = registry_session_open_as(&place, &credential, &session, err);
	if (r == 0)
		r = registry_session_get(session, "", &request, &response, err);
	if (r < 0)
		return err_wrap(err, "log in to %s", login->host);
	*ret_is_asked = registry_session_is_known(session);
	return 0;
}

int image_registry_login(const struct image_config *config, const struct image_login *login,
			 struct err *err)
{
	auto_credential struct credential credential = { .host = xstrdup(login->host),
							 .user = xstrdup(login->user) };
	int r = check_form(login, err);

	if (r < 0)
		return r;
	secret_set(&credential.password, login->password->bytes, login->password->len);
	return credentials_set(config, &credential, err);
}

int image_registry_logout(const struct image_config *config, const char *host, struct err *err)
{
	return credentials_remove(config, host, err);
}

static struct image_registry *get(struct image_registries *all, const char *host)
{
	for (size_t i = 0; i < all->n; i++)
		if (str_eq(all->items[i].host, host))
			return &all->items[i];
	struct image_registry *new = ARRAY_ADD(all->items, all->n);
	new->host = xstrdup(host);
	return new;
}

int image_registries_list(const struct image_config *config, struct image_registries *ret,
			  struct err *err)
{
	auto_registry_hosts struct registry_hosts hosts = { 0 };
	auto_strv struct strv users = { 0 };
	struct image_registries all = { 0 };
	int r = registry_hosts_read(config, &hosts, err);

	if (r == 0)
		r = credentials_list(config, &users, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < hosts.n; i++) {
		struct image_registry *one = get(&all, hosts.items[i].host);

		one->ca_file = xstrdup(hosts.items[i].ca_file);
		strv_copy(&one->mirrors, &hosts.items[i].mirrors);
	}
	for (size_t i = 0; i < users.n; i++) {
		char *space = strchr(users.items[i], ' ');

		*space = '\0';
		get(&all, users.items[i])->user = xstrdup(space + 1);
	}
	for (size_t i = 0; i < config->insecure.n; i++)
		get(&all, config->insecure.items[i]);
	for (size_t i = 0; i < all.n; i++)
		all.items[i].is_plain = registry_is_plain(config, &hosts, all.items[i].host);
	*ret = all;
	return 0;
}

void image_registries_fini(struct image_registries *registries)
{
	for (size_t i = 0; i < registries->n; i++) {
		struct image_registry *one = &registries->items[i];

		free(one->host);
		free(one->user);
		free(one->ca_file);
		strv_fini(&one->mirrors);
	}
	free(registries->items);
	*registries = (struct image_registries){ 0 };
}
