/* OCI images and runtime specs as texts: what an image says, and what an OCI runtime is told. Pure:
 * data in, data out; whoever starts containers looks at the host and fills in what is its. */
#ifndef HOLM_RUNTIME_OCI_OCI_H
#define HOLM_RUNTIME_OCI_OCI_H

#include "runtime/oci/image.h"
#include "runtime/oci/spec.h"
#include "runtime/oci/user.h"

#endif
