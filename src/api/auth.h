/* Who may ask over TCP: pure checks of header texts, any of which may be NULL (absent). */
#ifndef HOLM_API_AUTH_H
#define HOLM_API_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* The token of "Bearer TOKEN", NULL if it is something else. */
const char *auth_bearer(const char *authorization);

/* "Bearer TOKEN" (RFC 6750); takes the same time wherever the first difference is. */
bool auth_is_token(const char *authorization, const char *token);

/* Whether Host names us: 127.0.0.1, localhost, [::1] or the listening address, each with the port
 * (RFC 9110, 7.2; 80 and 443 go without saying). A page whose name was rebound to our address has another one. Listening on the
 * wildcard address, any literal address is ours: those cannot be rebound. */
bool auth_is_our_host(const char *host, const char *address, uint16_t port);

/* Whether Host is one of the names of a certificate, "*." for any one label (RFC 6125, 6.4.3), with the
 * port. */
bool auth_is_listed(const char *host, const struct strv *names, uint16_t port);

/* Whether the name before the port ("127.0.0.1:8080", "localhost") is one of those. */
bool auth_is_own_name(const char *host, const char *address);

/* A media type ("application/json") in a Content-Type, with parameters or without. Neither of ours can
 * come from a form of another site. */
bool auth_is_type(const char *content_type, const char *type);
#define AUTH_JSON  "application/json"
#define AUTH_BYTES "application/octet-stream"

#endif
