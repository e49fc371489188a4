/* The page of the document, which the build makes bytes of. */
#include "api/document/private.h"
#include "base/base64.h"
#include "wire/digest/digest.h"

extern const uint8_t document_page_html[];
extern const size_t document_page_html_size;

char *document_page(void)
{
	return xstrndup((const char *)document_page_html, document_page_html_size);
}

/* "sha256-…" of what stands between two tags (Content Security Policy Level 3, 2.3.1); the caller's. */
static char *hash_between(const char *page, const char *open, const char *close)
{
	uint8_t digest[DIGEST_BYTES];
	const char *begin = strstr(page, open);

	assert(begin);
	begin += strlen(open);
	const char *end = strstr(begin, close);
	assert(end);
	digest_bytes_of(begin, (size_t)(end - begin), digest);
	auto_free char *text = base64_format(digest, sizeof(digest));
	return xasprintf("sha256-%s", text);
}

char *page_policy(const char *page)
{
	auto_free char *style = hash_between(page, "<style>", "</style>");
	auto_free char *script = hash_between(page, "<script>", "</script>");

	return xasprintf("default-src 'none'; style-src '%s'; script-src '%s'; connect-src 'self'; "
			 "img-src data:; base-uri 'none'; form-action 'none'; "
			 "frame-ancestors 'none'; require-trusted-types-for 'script'",
			 style, script);
}
