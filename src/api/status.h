/* Errors at the HTTP border. */
#ifndef HOLM_API_STATUS_H
#define HOLM_API_STATUS_H

#include "json/json.h"

/* Status of an answer for a negative errno; 500 for what has none of its own. */
unsigned status_of(int code);
/* "Not Found" (RFC 9110, 15). */
const char *status_text(unsigned status);
extern const struct field_table api_error_table;
/* {"code":404,"status":"Not Found","message":…}; the caller's. */
char *status_body(unsigned status, const char *message);
/* The same with "msg" beside "message": what Oakestra tells about tokens has that name. */
char *status_token_body(unsigned status, const char *message);

#endif
