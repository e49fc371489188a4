/* Users and groups by name, from texts in the format of passwd(5) and group(5). */
#include "base/base.h"
#include "runtime/oci/user.h"

#define FIELDS_MAX 7

/* One line taken apart at its colons; the fields point into `text`. */
struct entry {
	char *text;
	char *fields[FIELDS_MAX];
	size_t n;
};

/* The next line at *pos: false at the end. The entry's text is the caller's to free. */
static bool next_entry(const char **pos, struct entry *ret)
{
	const char *line = *pos;
	size_t len = strcspn(line, "\n");

	if (!*line)
		return false;
	*pos = line[len] ? line + len + 1 : line + len;
	*ret = (struct entry){ .text = xstrndup(line, len) };
	for (char *field = ret->text; field && ret->n < FIELDS_MAX;) {
		char *colon = strchr(field, ':');

		ret->fields[ret->n++] = field;
		if (colon)
			*colon = '\0';
		field = colon ? colon + 1 : NULL;
	}
	return true;
}

static bool number(const char *text, uint32_t *ret)
{
	return parse_u32(text, 0, INT32_MAX, ret) == 0;
}

bool user_needs_files(const char *text, struct oci_user *ret)
{
	const char *colon = strchr(text, ':');
	auto_free char *user = xstrndup(text, strcspn(text, ":"));
	struct oci_user found = { 0 };

	if (*text && !str_eq(text, "0")) {
		if (!number(user, &found.uid) || !colon || !number(colon + 1, &found.gid))
			return true;
	}
	*ret = found;
	return false;
}

/* Finds the user by name, or by number, and tells name, uid and gid. */
static bool find_user(const char *passwd, const char *wanted, struct oci_user *ret, char **ret_name)
{
	uint32_t wanted_uid = 0;
	bool is_number = number(wanted, &wanted_uid);
	struct entry e;

	for (const char *pos = passwd; next_entry(&pos, &e); free(e.text)) {
		uint32_t uid;
		uint32_t gid;

		if (e.n < 4 || !number(e.fields[2], &uid) || !number(e.fields[3], &gid))
			continue;
		if (!str_eq(e.fields[0], wanted) && !(is_number && uid == wanted_uid))
			continue;
		ret->uid = uid;
		ret->gid = gid;
		*ret_name = xstrdup(e.fields[0]);
		free(e.text);
		return true;
	}
	ret->uid = wanted_uid;
	return is_number;
}

static bool find_group(const char *group, const char *wanted, uint32_t *ret)
{
	struct entry e;

	for (const char *pos = group; next_entry(&pos, &e); free(e.text)) {
		if (e.n < 3 || !str_eq(e.fields[0], wanted) || !number(e.fields[2], ret))
			continue;
		free(e.text);
		return true;
	}
	return number(wanted, ret);
}

static bool is_member(const char *members, const char *name)
{
	auto_strv struct strv list = { 0 };

	strv_split(&list, members, ",");
	return strv_has(&list, name);
}

static void add_groups(const char *group, const char *name, struct oci_user *user)
{
	struct entry e;

	for (const char *pos = group; next_entry(&pos, &e); free(e.text)) {
		uint32_t gid;

		if (e.n >= 4 && user->n_groups < USER_GROUPS_MAX && number(e.fields[2], &gid) &&
		    gid != user->gid && is_member(e.fields[3], name))
			user->groups[user->n_groups++] = gid;
	}
}

int user_resolve(const char *text, const char *passwd, const char *group, struct oci_user *ret,
		 struct err *err)
{
	const char *colon = strchr(text, ':');
	auto_free char *wanted = xstrndup(text, strcspn(text, ":"));
	auto_free char *name = NULL;
	struct oci_user user = { 0 };

	if (*wanted && !find_user(passwd, wanted, &user, &name))
		return err_set(err, -ENOENT, "find user %s: not in the image's /etc/passwd",
			       wanted);
	if (colon && !find_group(group, colon + 1, &user.gid))
		return err_set(err, -ENOENT, "find group %s: not in the image's /etc/group",
			       colon + 1);
	/* A group named in the image replaces the supplementary ones, as Docker has it. */
	if (!colon && name)
		add_groups(group, name, &user);
	*ret = user;
	return 0;
}

/* The main group is one of the others, too: else a process that gives it up would gain what is denied
 * to that group (CVE-2023-25173). */
void user_put(struct json_out *out, const struct oci_user *user)
{
	json_out_object(out, "user");
	json_out_int(out, "uid", user->uid);
	json_out_int(out, "gid", user->gid);
	json_out_array(out, "additionalGids");
	json_out_int(out, NULL, user->gid);
	for (size_t i = 0; i < user->n_groups; i++)
		json_out_int(out, NULL, user->groups[i]);
	json_out_array_end(out);
	json_out_object_end(out);
}
