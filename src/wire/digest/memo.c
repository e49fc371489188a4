/* A table of a few files, searched from its beginning. */
#include "base/base.h"
#include "wire/digest/digest.h"

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
	return is_same_file(a, b) && a->st_size == b->st_size &&
	       is_same_time(&a->st_mtim, &b->st_mtim) && is_same_time(&a->st_ctim, &b->st_ctim);
}

bool digest_memo_find(const struct digest_memo *memo, const struct stat *st,
		      char out[DIGEST_TEXT_MAX])
{
	for (size_t i = 0; i < DIGEST_MEMO_MAX; i++) {
		if (!memo->files[i].digest[0] || !is_unchanged(&memo->files[i].st, st))
			continue;
		memcpy(out, memo->files[i].digest, DIGEST_TEXT_MAX);
		return true;
	}
	return false;
}

/* Its own place if it has one. */
static size_t place_of(struct digest_memo *memo, const struct stat *st)
{
	for (size_t i = 0; i < DIGEST_MEMO_MAX; i++)
		if (memo->files[i].digest[0] && is_same_file(&memo->files[i].st, st))
			return i;
	return memo->next++ % DIGEST_MEMO_MAX;
}

/* A time of change that is yet to come tells that the clock was set back: it may come again. */
void digest_memo_note(struct digest_memo *memo, const struct stat *st, const struct timespec *now,
		      const char *digest)
{
	if (now->tv_sec - st->st_ctim.tv_sec <= DIGEST_MEMO_SETTLED_S)
		return;
	size_t i = place_of(memo, st);
	memo->files[i].st = *st;
	STR_COPY(memo->files[i].digest, digest);
}

int digest_memo_fd(struct digest_memo *memo, int fd, char out[DIGEST_TEXT_MAX], struct err *err)
{
	struct timespec now;
	struct stat st;
	uint64_t size;

	clock_gettime(CLOCK_REALTIME, &now);
	if (fstat(fd, &st) < 0)
		return err_errno(err, "look at a file");
	if (digest_memo_find(memo, &st, out))
		return 0;
	int r = digest_fd(fd, out, &size, err);
	if (r == 0)
		digest_memo_note(memo, &st, &now, out);
	return r;
}
