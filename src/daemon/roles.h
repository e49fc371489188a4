/* The roles of one process, wired together: bus, streams, server, worker, API. */
#ifndef HOLM_DAEMON_ROLES_H
#define HOLM_DAEMON_ROLES_H

#include "base/base.h"
#include "base/id.h"
#include "daemon/host.h"
#include "model/resources.h"

struct roles_options {
	const char *data_dir;
	const char *api_address; /* NULL: no TCP */
	uint16_t api_port;
	bool is_tls;
	const char *tls_certificate; /* PEM files; NULL: of the server's own authority */
	const char *tls_key;
	struct strv tls_names;        /* further ones for that */
	bool allow_default_password;  /* of user Admin, from other machines too */
	const char *image_root;       /* NULL: DATA_DIR/images */
	const char *node_name;        /* NULL: the host's name */
	const char *cluster_name;     /* NULL: SERVER_CLUSTER_NAME */
	const char *cluster_location; /* "LAT,LON,RADIUS", NULL: not told */
	const char *namespace_pool;
	const char *service_pool;
	uint32_t first_user, n_users; /* of unikernels' QEMUs */
	struct strv insecure;         /* registries spoken to by plain HTTP */
	const char *volume_root;      /* host paths below it may be mounted; NULL: none */
	struct strv csi;              /* storage drivers, "NAME=/PATH/OF/SOCKET" */
	/* Percent of a disk from which unused images are pruned (0: never), and down to which. */
	uint32_t image_gc_high, image_gc_low;
	struct resource_settings resources;
	uint32_t warm_mib;  /* most memory of unikernels that wait for a start */
	bool is_going_down; /* only to take everything down: no API, no server */
	bool is_purge;
	/* Told once when the node is accepted, or cannot work. */
	void (*ready)(void *arg, const struct err *err);
	void *arg;
};

#define ROLES_NAMESPACE_POOL "10.18.0.0-10.29.255.255"
#define ROLES_SERVICE_POOL   "10.30.0.0/16"
/* Numbers that neither distributions nor systemd (UIDS-GIDS.md) nor subuid(5) give to anybody. */
#define ROLES_UNIKERNEL_USERS "1879048192-2013265919"

/* Runs until SIGTERM, SIGINT (everything stays running) or until all is down. */
int roles_run(const struct roles_options *options, struct err *err);

#endif
