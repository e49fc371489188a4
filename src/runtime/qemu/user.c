/* Tries numbers at random: with more of them than could ever live, the first is nearly always free. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "runtime/qemu/user.h"

#define TRIES 1000 /* beyond what is taken here, for what others have */

struct taken {
	uint32_t *users;
	size_t n;
};

static int read_taken(int folder, struct taken *taken, struct err *err)
{
	int listed = fcntl(folder, F_DUPFD_CLOEXEC, 0);
	DIR *dir = listed < 0 ? NULL : fdopendir(listed);
	struct stat st;

	if (!dir)
		return err_errno(err, "list the folders of machines");
	for (struct dirent *e; (e = readdir(dir));) {
		auto_free char *vm = path_join(e->d_name, "vm");

		if (fstatat(folder, vm, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_gid)
			*ARRAY_ADD(taken->users, taken->n) = st.st_gid;
	}
	closedir(dir);
	return 0;
}

/* Processes count too, for those of another Holm. */
static bool is_free(const struct taken *taken, uint32_t user)
{
	for (size_t i = 0; i < taken->n; i++)
		if (taken->users[i] == user)
			return false;
	errno = 0;
	return getpriority(PRIO_USER, user) == -1 && errno == ESRCH;
}

/* A random number, and then those behind it. */
static int pick(const struct qemu *qemu, const struct taken *taken, uint32_t *ret, struct err *err)
{
	uint32_t start;

	if (getrandom(&start, sizeof(start), 0) != (ssize_t)sizeof(start))
		return err_errno(err, "get random numbers");
	start %= qemu->n_users;
	for (uint32_t i = 0; i < qemu->n_users && i <= taken->n + TRIES; i++) {
		uint32_t user = qemu->first_user + (start + i) % qemu->n_users;

		if (is_free(taken, user)) {
			*ret = user;
			return 0;
		}
	}
	return err_set(err, -EUSERS, "none of the %u users from %u is free for qemu", qemu->n_users,
		       qemu->first_user);
}

static int give(const struct qemu *qemu, int folder, const char *path, uint32_t *ret,
		struct err *err)
{
	auto_free char *vm = path_join(path, "vm");
	struct taken taken = { 0 };
	uint32_t user = 0;
	int r = read_taken(folder, &taken, err);

	if (r == 0)
		r = pick(qemu, &taken, &user, err);
	free(taken.users);
	if (r < 0)
		return r;
	if (chown(vm, 0, user) < 0 || chmod(vm, 0750) < 0)
		return err_errno(err, "give %s to user %u", vm, user);
	*ret = user;
	return 0;
}

/* The lock on the folder of all lasts as long as its descriptor. */
int qemu_user_give(const struct qemu *qemu, const char *path, uint32_t *ret, struct err *err)
{
	auto_close int folder = open(qemu->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (!qemu->n_users) {
		*ret = 0;
		return 0;
	}
	if (folder < 0 || flock(folder, LOCK_EX) < 0)
		return err_errno(err, "lock %s", qemu->dir);
	return give(qemu, folder, path, ret, err);
}
