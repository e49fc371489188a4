/* The worker role: makes this machine run what the server wishes.
 *
 * It keeps the wish of every instance on disk, looks at what really runs, and takes one step after
 * the other (reconcile/) until both agree. So a restart, a lost message or an hour without a
 * server need no code of their own. It talks to the server only over the bus. */
#ifndef HOLM_WORKER_WORKER_H
#define HOLM_WORKER_WORKER_H

#include "base/base.h"
#include "image/image.h"
#include "model/resources.h"
#include "overlay/overlay.h"
#include "runtime/runtime.h"
#include "secrets/secrets.h"
#include "store/store.h"
#include "volume/volume.h"
#include "wire/bus.h"
#include "wire/net_probe/net_probe.h"
#include "wire/stream.h"

struct loop;
struct worker;

struct worker_runtime {
	const struct runtime_driver *driver;
	struct runtime_config config;
};

#define WORKER_RUNTIMES_MAX 4

/* How probes ask instances: the functions of wire/net_probe, or a simulation's. */
struct prober {
	struct net_probe *(*begin)(struct loop *loop, const struct net_probe_target *target,
				   net_probe_fn done, void *arg);
	struct net_probe *(*cancel)(struct net_probe *probe);
	struct net_probe *(*free)(struct net_probe *probe);
};

/* Strings and tables are borrowed and outlive the worker. */
struct worker_config {
	struct loop *loop;
	struct bus *bus;
	struct stream_hub *streams; /* NULL: no logs are served; outlives the worker */
	const struct store_driver *store;
	const char *store_where;
	const struct prober *prober; /* NULL: by sockets */
	const struct overlay_driver *overlay;
	struct overlay_config overlay_config;
	struct worker_runtime runtimes[WORKER_RUNTIMES_MAX];
	size_t n_runtimes;
	struct image_config images;
	/* Percent of a disk from which images that nobody uses are pruned (0: never), and down to which. */
	uint32_t image_gc_high, image_gc_low;
	struct volume_config volumes; /* but for data_dir, which is the worker's */
	const char *data_dir;         /* logs and volumes go below it */
	struct secrets_place secrets; /* files of secrets and configuration */
	const char *
		value_key_path; /* seals what is kept of both; made at first use; NULL: nothing is */
	const char *node_id;
	const char *hostname;
	const char *address;
	const char *arch;
	uint32_t cpus;
	uint64_t memory_mib;
	uint64_t pids;          /* most processes of the machine, 0: not known */
	uint64_t disk_mib;      /* of the file system of data_dir, 0: not known */
	struct resources offer; /* most that is promised to instances; 0: without bound */
	uint32_t warm_mib;      /* most memory of machines that wait for a start */
	/* Told once the node has been accepted and its network is made, or (err->code) cannot work. */
	void (*ready)(void *arg, const struct err *err);
	void *arg;
};

/* Loads what is on disk and begins; everything else happens on the loop. */
struct worker *worker_new(const struct worker_config *config, struct err *err);

/* Stops every instance, removes all that is ours on the host, and keeps the wishes, so that the next
 * start brings it back. done runs once. */
void worker_down_begin(struct worker *worker, void (*done)(void *arg, const struct err *err),
		       void *arg);

/* Before the loop is freed: ends calls to storage drivers, which may hang. */
void worker_leave(struct worker *worker);

/* Memory only, after the loop has been freed: what runs goes on. */
struct worker *worker_free(struct worker *worker);

#endif
