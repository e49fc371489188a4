/* Which Unikraft a kernel is of: by its records (`.uk_libinfo`), wherever they lie in the file, or by
 * its banner "Unikraft Calypso 0.17.0~5f7a9b1". */
#include <endian.h>

#include "image/unikernel/package.h"

#define RECORD_VERSION 7
#define RECORD_HEADER  6 /* u16 type, u32 length with the header */
#define BANNER         "Unikraft "

struct text {
	const char *p;
	size_t len;
};

static size_t span(struct text t, const char *accept)
{
	size_t n = 0;

	while (n < t.len && t.p[n] && strchr(accept, t.p[n]))
		n++;
	return n;
}

static struct text behind(struct text t, size_t n)
{
	return (struct text){ t.p + n, t.len - n };
}

/* "0.17.0", perhaps with what a build adds to it; how long it is, 0 if there is none. */
static size_t version_len(struct text t)
{
	struct text rest = t;

	for (int i = 0; i < 3; i++) {
		size_t n = span(rest, "0123456789");

		if (n == 0 || n > 3)
			return 0;
		rest = behind(rest, n);
		if (i < 2 && (!rest.len || *rest.p != '.'))
			return 0;
		rest = behind(rest, i < 2);
	}
	if (rest.len && (*rest.p == '~' || *rest.p == '-'))
		rest = behind(rest, span(rest, "~-._+0123456789abcdefghijklmnopqrstuvwxyz"
					       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
	size_t len = t.len - rest.len;
	return len < KERNEL_VERSION_SIZE ? len : 0;
}

static void take(struct text t, char ret[KERNEL_VERSION_SIZE])
{
	size_t len = version_len(t);

	memcpy(ret, t.p, len);
	ret[len] = '\0';
}

/* The value of a record reaches to the end of the record, less one byte that ends it. */
static void take_record(struct text t, char ret[KERNEL_VERSION_SIZE])
{
	uint32_t len;

	if (t.len < RECORD_HEADER)
		return;
	memcpy(&len, t.p + sizeof(uint16_t), sizeof(len));
	len = le32toh(len);
	if (len <= RECORD_HEADER || len > t.len || t.p[len - 1])
		return;
	struct text value = { t.p + RECORD_HEADER, len - RECORD_HEADER - 1 };
	if (version_len(value) == value.len)
		take(value, ret);
}

/* Behind the code name. */
static void take_banner(struct text t, char ret[KERNEL_VERSION_SIZE])
{
	const char *space;

	t = behind(t, strlen(BANNER));
	space = memchr(t.p, ' ', t.len < KERNEL_VERSION_SIZE ? t.len : KERNEL_VERSION_SIZE);
	if (space)
		take(behind(t, (size_t)(space - t.p) + 1), ret);
}

static void find(struct text t, struct text mark, void (*try)(struct text t, char *ret),
		 char ret[KERNEL_VERSION_SIZE])
{
	while (!*ret) {
		const char *p = memmem(t.p, t.len, mark.p, mark.len);

		if (!p)
			return;
		t = behind(t, (size_t)(p - t.p));
		try(t, ret);
		t = behind(t, 1);
	}
}

void kernel_version_find(const void *data, size_t len, char ret[KERNEL_VERSION_SIZE])
{
	static const char type[] = { RECORD_VERSION, 0 };
	const struct text kernel = { data, len };

	*ret = '\0';
	find(kernel, (struct text){ type, sizeof(type) }, take_record, ret);
	find(kernel, (struct text){ BANNER, strlen(BANNER) }, take_banner, ret);
}
