/* The forms that `code` may have in a descriptor. Whether such an image exists is found out later,
 * by the node that fetches it. */
#ifndef HOLM_MODEL_CODE_H
#define HOLM_MODEL_CODE_H

#include "base/base.h"

/* HOST[:PORT]/PATH[:TAG][@sha256:…] in the spelling of the OCI distribution spec, where HOST has a
 * dot, a port, or is localhost; or oci:/abs/path[:REF], oci-archive:/abs/path[:REF]. */
bool code_is_image(const char *code);
#define CODE_IMAGE_EXPECTED \
	"a fully qualified image reference such as docker.io/library/nginx:latest, or oci:/PATH"

/* http(s)://HOST/….tar.gz, file:/PATH or file:///PATH, each perhaps with #sha256=HEX. */
bool code_is_archive(const char *url);
#define CODE_ARCHIVE_EXPECTED "a URL http(s)://….tar.gz or file:/PATH, perhaps with #sha256=HEX"

/* Of a unikernel: either. */
#define CODE_UNIKERNEL_EXPECTED \
	CODE_ARCHIVE_EXPECTED   \
	", or an image reference such as unikraft.org/nginx:1.25"

/* The comma-separated URLs of a unikernel, without the blanks around them. Empty ones are kept, so
 * that positions stay those of `arch`. */
void code_split(const char *code, struct strv *ret);

#endif
