/* What the files of this folder share. */
#ifndef HOLM_API_DOCUMENT_PRIVATE_H
#define HOLM_API_DOCUMENT_PRIVATE_H

#include "api/document/document.h"
#include "json/json.h"

/* Tables that are referred to, each once for each way. */
struct schema {
	const struct field_table *table;
	enum field_way way;
};
struct schemas {
	struct schema *items;
	size_t n;
};

/* schemas.c: a table and those inside it; NULL is none. */
void schemas_add(struct schemas *schemas, const struct field_table *table, enum field_way way);
void schemas_put(const struct schemas *schemas, struct json_out *out, const char *key);
void schemas_fini(struct schemas *schemas);

/* params.c */
struct param {
	const char *path;   /* of this path alone, NULL: wherever it has this name */
	struct field field; /* name, type, help */
};
/* NULL: it is not in the table. */
const struct param *param_find(const char *path, const char *name);
/* The parameters of path and query, as a member `parameters`, if there are any. */
void params_put(const struct route *route, struct json_out *out);
bool params_has(const struct route *route, const char *query);

/* page.c: page.html, for browsers; the caller's. */
char *document_page(void);
/* The Content-Security-Policy with which it works and nothing else: only the style and the script that
 * stand in it, and questions to this server. The caller's. */
char *page_policy(const char *page);

/* operation.c: as a member named by the method; adds the schemas that it refers to. */
void operation_put(const struct route *route, struct schemas *schemas, struct json_out *out);
/* "nodes" of "/api/v1/nodes/{name}", "oakestra: service" of "/api/services"; the caller's. */
char *operation_tag(const char *path);

#endif
