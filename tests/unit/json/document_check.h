/* Whether values keep to the schemas of a document, as far as fields_schema() and the API's document go:
 * type, properties, required, items, enum, nullable, allOf, references. A member that the schema does
 * not name is an error, too, so that nothing is written that is not described. */
#ifndef HOLM_TESTS_DOCUMENT_CHECK_H
#define HOLM_TESTS_DOCUMENT_CHECK_H

#include "json/json.h"

/* References are looked up in `document`. 0, or -EINVAL with the way to what does not fit. */
int document_check(const struct json *document, const struct json *schema, const struct json *value,
		   struct err *err);
/* What "#/a/b" names, NULL if there is nothing. */
const struct json *document_find(const struct json *document, const char *ref);

#endif
