/* Ownership by scope: a variable marked auto_… is released when its block ends,
 * unless TAKE() handed it out. */
#ifndef HOLM_BASE_CLEANUP_H
#define HOLM_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - __builtin_offsetof(type, member)))

/* Gives the pointer away and leaves NULL behind. */
#define TAKE(p)                            \
	({                                 \
		__typeof__(p) *pp_ = &(p); \
		__typeof__(p) v_ = *pp_;   \
		*pp_ = NULL;               \
		v_;                        \
	})

/* The same for a file descriptor, leaving -1. */
#define TAKE_FD(fd)            \
	({                     \
		int v_ = (fd); \
		(fd) = -1;     \
		v_;            \
	})

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define auto_free  __attribute__((cleanup(cleanup_free)))
#define auto_close __attribute__((cleanup(cleanup_close)))

/* DEFINE_AUTO(buf_free, struct buf *) makes auto_(buf_free) usable on a `struct buf *`. */
#define DEFINE_AUTO(fn, type)                    \
	static inline void cleanup_##fn(type *p) \
	{                                        \
		if (*p)                          \
			fn(*p);                  \
	}
#define auto_(fn) __attribute__((cleanup(cleanup_##fn)))

#endif
