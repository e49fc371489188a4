/* The pages of the example. */
#pragma once

#include "cmdline.h"
#include "fs/fs.h"
#include "memory.h"
#include "web/http_server.h"

struct pages {
	const struct cmdline *cmdline;
	const struct http_server *server;
	const struct fs *fs;
	struct memory *memory;
	uint32_t allocated_mib; /* by /alloc */
	const char *name;
};

/* An http_handler; `arg` is a struct pages. */
void pages_handle(void *arg, struct http_conn *conn, const struct http_request *request);
