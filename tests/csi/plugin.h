/* A CSI node plugin for tests: volumes are folders below DIR/volumes, bind-mounted; a thread for each
 * connection.
 *
 * It is told what to do by files in DIR: `fail-CALL` holds the gRPC status that the call gives, `hang-CALL`
 * lets it wait for ever, `die-CALL` ends the connection before the call is done, `die-after-CALL` after it;
 * `not-ready` and `no-stage` are answers; with `plain` nothing is mounted, and a target is a folder that stays. Each call that arrives adds a line to DIR/calls:
 * "NodePublishVolume ID TARGET CONTEXT…". A volume whose id begins with "missing" is unknown. */
#ifndef HOLM_TESTS_CSI_PLUGIN_H
#define HOLM_TESTS_CSI_PLUGIN_H

#include <stdbool.h>

struct csi_test;
/* With `is_process`, die-… end the process. */
struct csi_test *csi_test_start(const char *socket_path, const char *dir, const char *name,
				bool is_process);
/* Also ends calls that hang; the socket is gone. */
void csi_test_stop(struct csi_test *test);

#endif
