/* JSON Schema: a documented part of drafts 06 to 2020-12 (docs/hooks.md lists the keywords).
 *
 * A schema with a keyword that is not of that part is refused with the keyword's name: nothing is
 * silently ignored but annotations. Siblings of $ref count, as from draft 2019-09 on. Checking is
 * bounded in depth and cost. */
#ifndef HOLM_JSON_SCHEMA_H
#define HOLM_JSON_SCHEMA_H

#include "json/json.h"

#define SCHEMA_TEXT_MAX     (64u << 10) /* bytes of a schema */
#define SCHEMA_PATTERNS_MAX 100         /* different ones in a schema */
#define SCHEMA_STEPS_MAX    300000      /* comparisons in checking one value */
#define SCHEMA_DEPTH_MAX    128         /* schemas inside which one is looked at */

struct schema;

/* -EINVAL names the place in the schema: "properties.size.minimum: expected a number", -E2BIG. */
int schema_parse(const char *text, size_t len, struct schema **ret, struct err *err);
struct schema *schema_free(struct schema *schema); /* NULL-safe, returns NULL */
DEFINE_AUTO(schema_free, struct schema *)

/* 0: it fits. -EINVAL names the place in the value: "spec.ports[0]: expected integer, got string";
 * -E2BIG: it would take too long to find out. */
int schema_check(const struct schema *schema, const struct json *value, struct err *err);

#endif
