/* Users and passwords of registries, in a file that only its owner may read. It is read by hand:
 * what a parser says of a damaged text could show a password. */
#include <sys/stat.h>

#include "image/registry/hosts.h"
#include "json/json.h"

#define FILE_MAX        (1u << 20)
#define CREDENTIALS_MAX 1000

struct credentials {
	struct credential *items;
	size_t n;
};

void credential_fini(struct credential *credential)
{
	free(credential->host);
	free(credential->user);
	secret_fini(&credential->password);
	*credential = (struct credential){ 0 };
}

static void credentials_fini(struct credentials *all)
{
	for (size_t i = 0; i < all->n; i++)
		credential_fini(&all->items[i]);
	free(all->items);
	*all = (struct credentials){ 0 };
}
#define auto_credentials __attribute__((cleanup(credentials_fini)))

static void add(struct credentials *all, const struct credential *from)
{
	struct credential *to = ARRAY_ADD(all->items, all->n);

	to->host = xstrdup(from->host);
	to->user = xstrdup(from->user);
	secret_set(&to->password, from->password.bytes, from->password.len);
}

static int parse(const char *path, const char *text, struct credentials *ret, struct err *err)
{
	auto_(json_free) struct json *root = NULL;
	struct err ignored;
	int r = json_parse(text, strlen(text), &root, &ignored);
	const struct json *list = json_get(root, "registries");

	if (r < 0 || !json_is_array(list))
		return err_set(err, -EBADMSG, "read %s: damaged; remove it and log in again", path);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *one = json_at(list, i);
		const char *host = json_get_str(one, "host");
		const char *user = json_get_str(one, "user");
		const char *password = json_get_str(one, "password");

		if (!host || !user || !password)
			return err_set(err, -EBADMSG, "read %s: entry %zu is damaged", path, i);
		struct credential *c = ARRAY_ADD(ret->items, ret->n);
		c->host = xstrdup(host);
		c->user = xstrdup(user);
		secret_set(&c->password, password, strlen(password));
	}
	return 0;
}

static int check_mode(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && st.st_mode & 077)
		return err_set(err, -EACCES, "read %s: others may read it; chmod 600", path);
	return 0;
}

static int read_all(const struct image_config *config, struct credentials *ret, struct err *err)
{
	const char *path = config->credentials_file;
	struct credentials all = { 0 };
	char *text;

	*ret = all;
	if (!path)
		return 0;
	int r = file_read(path, FILE_MAX, &text, NULL, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = check_mode(path, err);
	if (r == 0)
		r = parse(path, text, &all, err);
	secret_free_text(text);
	if (r < 0)
		credentials_fini(&all);
	else
		*ret = all;
	return r;
}

static int write_all(const struct image_config *config, const struct credentials *all,
		     struct err *err)
{
	auto_json_out struct json_out out;
	char *text;

	json_out_init(&out, FILE_MAX);
	json_out_object(&out, NULL);
	json_out_array(&out, "registries");
	for (size_t i = 0; i < all->n; i++) {
		json_out_object(&out, NULL);
		json_out_str(&out, "host", all->items[i].host);
		json_out_str(&out, "user", all->items[i].user);
		json_out_str(&out, "password", (const char *)all->items[i].password.bytes);
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
	int r = json_out_finish(&out, &text, err);
	if (r < 0)
		return r;
	r = file_write_atomic(config->credentials_file, text, strlen(text), 0600, err);
	secret_free_text(text);
	return r;
}

static struct credential *find(const struct credentials *all, const char *host)
{
	auto_free char *name = registry_canonical(host);

	for (size_t i = 0; i < all->n; i++)
		if (str_eq(all->items[i].host, name))
			return &all->items[i];
	return NULL;
}

int credentials_find(const struct image_config *config, const char *host, struct credential *ret,
		     struct err *err)
{
	auto_credentials struct credentials all = { 0 };
	int r = read_all(config, &all, err);

	if (r < 0)
		return r;
	struct credential *found = find(&all, host);
	if (!found)
		return 0;
	*ret = *found;
	*found = (struct credential){ 0 };
	return 1;
}

int credentials_list(const struct image_config *config, struct strv *ret, struct err *err)
{
	auto_credentials struct credentials all = { 0 };
	int r = read_all(config, &all, err);

	for (size_t i = 0; r == 0 && i < all.n; i++)
		strv_addf(ret, "%s %s", all.items[i].host, all.items[i].user);
	return r;
}

int credentials_set(const struct image_config *config, const struct credential *credential,
		    struct err *err)
{
	auto_credentials struct credentials all = { 0 };
	auto_free char *host = registry_canonical(credential->host);
	struct credential named = *credential;
	int r = read_all(config, &all, err);

	if (r < 0)
		return r;
	named.host = host;
	struct credential *old = find(&all, host);
	if (!old && all.n == CREDENTIALS_MAX)
		return err_set(err, -E2BIG, "credentials for more than %d registries",
			       CREDENTIALS_MAX);
	if (old) {
		credential_fini(old);
		*old = (struct credential){ .host = xstrdup(host), .user = xstrdup(named.user) };
		secret_set(&old->password, named.password.bytes, named.password.len);
	} else {
		add(&all, &named);
	}
	return write_all(config, &all, err);
}

int credentials_remove(const struct image_config *config, const char *host, struct err *err)
{
	auto_credentials struct credentials all = { 0 };
	int r = read_all(config, &all, err);

	if (r < 0)
		return r;
	struct credential *found = find(&all, host);
	if (!found)
		return err_set(err, -ENOENT, "no credentials for %s are stored", host);
	credential_fini(found);
	all.n--;
	memmove(found, found + 1, (size_t)(all.items + all.n - found) * sizeof(*found));
	return write_all(config, &all, err);
}
