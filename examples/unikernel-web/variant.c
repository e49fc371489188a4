#include "variant.h"

#ifdef GUEST_NO_NETWORK
#define HAS_NETWORK false
#else
#define HAS_NETWORK true
#endif
#ifdef GUEST_OLD_NETWORK
#define HAS_OLD_NETWORK true
#else
#define HAS_OLD_NETWORK false
#endif
#ifdef GUEST_NO_MMIO
#define HAS_MMIO false
#else
#define HAS_MMIO true
#endif
#ifdef GUEST_NO_FILES
#define HAS_FILES false
#else
#define HAS_FILES true
#endif

const struct variant guest_variant = {
	.version = GUEST_VERSION,
	.has_network = HAS_NETWORK,
	.has_old_network = HAS_OLD_NETWORK,
	.has_mmio = HAS_MMIO,
	.has_files = HAS_FILES,
};
