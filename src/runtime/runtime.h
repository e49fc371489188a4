/* What runs instances: one const table per runtime.
 *
 * Driver functions are synchronous straight-line code for an executor thread, may be
 * called for different instances on several threads at once, check `ctx->cancel` between
 * their steps and give every step a timeout. start and stop are idempotent: the reconciler
 * repeats them. What they start outlives this process. */
#ifndef HOLM_RUNTIME_RUNTIME_H
#define HOLM_RUNTIME_RUNTIME_H

#include "base/base.h"
#include "base/id.h"
#include "base/proc.h"
#include "model/image_source.h"
#include "model/node_runtime.h"
#include "model/sla_container.h"
#include "runtime/exec.h"
#include "runtime/warm.h"

struct cancel; /* loop/loop.h */

struct runtime_config {
	const char *node_id;
	const char *data_dir;      /* the worker's; the driver uses only its own folder below it */
	const char *helper_path;   /* the supervisor executable */
	const char *shim_path;     /* the parent of containers' processes */
	const char *cgroup_parent; /* "holm-1a2b3c4d" below each cgroup root */
	const char *runtimes_path; /* file that names further OCI runtimes, NULL or absent: none */
	uint64_t log_max_bytes;    /* per instance, over all its log files */
	uint32_t first_user; /* virtual machines: users that each gets one of, if we are root */
	uint32_t n_users;
	/* NULL: the system's containerd if it answers and we have none of our own, else "own": one that
	 * we start; any other value is the socket of the one to use. */
	const char *containerd_address;
};

struct runtime_ctx {
	const struct cancel *cancel;
	/* Told between steps; `phase` is a word for a person ("pulling"). May be NULL. */
	void (*progress)(void *arg, const char *phase, uint64_t done, uint64_t total);
	void *arg;
	uint32_t grace_ms; /* of stop: from the stop signal to the kill */
};

/* Where an instance is plugged in, as the overlay made it. */
struct runtime_net {
	/* Containers: namespace with eth0 ready; unikernels: where the tap is; NULL: the host's. */
	const char *netns_path;
	const char *tap; /* unikernels: persistent tap, up; else NULL */
	const char *mac; /* "02:…", for the guest's end of the tap */
	const char *ip;  /* "10.18.0.2" */
	unsigned prefix; /* 26 */
	const char *gateway;
	const char *dns;
	const char *search; /* domains, separated by spaces, or NULL */
	const char *hostname;
	unsigned mtu;
};

/* Something of the host's that an instance sees too; a unikernel sees folders only. */
struct runtime_mount {
	const char *source; /* file or folder of the host, absolute */
	const char *target; /* in the container, absolute; made if it is not there */
	bool is_read_only;
	const char *propagation; /* NULL: rprivate; else rslave, rshared, … */
	bool is_given; /* files of secrets and configuration, made for it: owners and modes stay */
};

struct runtime_spec {
	const char *instance_id;
	const char *name;    /* app.appns.service.servicens.instance.N, for people */
	const char *runtime; /* docker, runc, runsc, …: sub-runtime of a driver that has some */
	const char *image; /* containers: name it was fetched under; unikernels: folder with kernel */
	const char *digest; /* of the image, kept as a label; containers start from it, "": by name */
	const struct strv *cmd;
	const struct strv *env; /* K=V */
	uint32_t memory_mib;    /* 0: no limit (unikernel: 64) */
	uint32_t cpu_millis;    /* 0: no limit */
	uint32_t vcpus;         /* of a virtual machine; 0: 1 */
	uint32_t pids;          /* 0: no limit */
	bool is_privileged;
	const struct sla_container *container; /* checked; NULL: nothing out of the usual */
	const struct runtime_mount *mounts;    /* any order */
	size_t n_mounts;
	uint32_t incarnation; /* kept as a label: tells an old run from a new one */
	uint32_t generation;  /* the same */
	const char *log_path; /* current log file, in CRI format; older ones beside it */
	struct runtime_net net;
	/* Unikernels: from a saved state, if this node has one of the same image and configuration, else
	 * booted and its state saved as soon as it answers on the port. Wants a tap in a network
	 * namespace, where every copy has the same address. */
	bool is_from_snapshot;
	/* The same from a machine that waits under this label, if there is one; NULL: none is wanted. */
	const char *warm_label;
	uint16_t ready_port; /* TCP */
};

enum runtime_phase { RUNTIME_STARTING, RUNTIME_RUNNING, RUNTIME_ENDED };
enum runtime_end {
	RUNTIME_END_NONE,
	RUNTIME_END_CLEAN, /* exit code 0, a unikernel's clean end */
	RUNTIME_END_ERROR, /* exit code other than 0 */
	RUNTIME_END_CRASH, /* a guest's crash, a signal that nobody of ours sent */
	RUNTIME_END_OOM,
	RUNTIME_END_STOPPED, /* we ended it */
	RUNTIME_END_FAILURE, /* the runtime itself failed (QEMU's own error, …) */
	RUNTIME_END_UNKNOWN, /* ended while nobody could see how */
};

/* One instance as the runtime has it. */
struct runtime_status {
	char instance_id[ID_SIZE];
	enum runtime_phase phase;
	struct proc_id proc;  /* init or QEMU */
	struct proc_id watch; /* the process whose end means that exit facts are ready */
	/* Of another program, without which the instance is ended within seconds, a container's shim;
	 * pid 0: none, or not known. */
	struct proc_id keeper;
	enum runtime_end end;
	int exit_code;    /* meaningful when ended */
	bool is_silent;   /* CAP_BOOT: it runs, and has not printed a byte yet */
	bool is_paused;   /* it is there, and gets no processor */
	char detail[256]; /* how it ended, for a person: "exit code 3", "crashed (exit 85)" */
	char kind[32];    /* container, unikernel, runsc, … for display */
	char digest[DIGEST_SIZE];
	uint64_t started_ms; /* unix time */
	uint32_t incarnation;
	uint32_t generation;
};

struct runtime_list {
	struct runtime_status *items;
	size_t n;
};
void runtime_list_fini(struct runtime_list *list);

struct runtime_stats {
	uint64_t memory_bytes;       /* without inactive file cache */
	uint64_t memory_limit_bytes; /* 0: none */
	uint64_t cpu_ns;
	uint64_t oom_kills; /* processes of it that the kernel killed for memory, since its start */
	uint64_t read_bytes; /* from block devices, if has_io */
	uint64_t written_bytes;
	bool has_io;
	uint32_t pids; /* processes and threads, 0: not known */
};

/* What a probe found. Absent is silent (nothing named); broken is named with a reason. */
struct runtime_info {
	struct strv virtualization; /* names a descriptor may use: docker, runc, runsc / unikernel */
	struct strv pending;        /* the same, of what the next probe tries; none: all is known */
	struct node_runtime *runtimes; /* each that there is, in detail */
	size_t n_runtimes;
	struct strv problems; /* "runsc: …" */
	bool has_kvm;
	struct strv emulated; /* architectures whose unikernels it runs beside its own: "arm64" */
	uint32_t guest_uid;   /* the user that opens an instance's tap */
};
void runtime_info_fini(struct runtime_info *info);

/* An image that a runtime stores for this node. */
struct runtime_image {
	char *name;
	char digest[DIGEST_SIZE]; /* of its manifest */
	char platform[64];        /* "linux/arm64/v8"; "" if parts of it are missing */
	uint64_t bytes; /* on disk: blobs and unpacked layers, those it shares with others too */
	uint64_t created_ms; /* unix time: since when the name leads to it */
	uint64_t used_ms;    /* unix time: fetched or last touched */
	bool is_earlier;     /* its name (up to the @) leads to a newer image by now */
};
struct runtime_images {
	struct runtime_image *items;
	size_t n;
};
void runtime_images_fini(struct runtime_images *images);

/* What a runtime with RUNTIME_CAP_IMAGES can do with the images that it stores. */
struct runtime_image_ops {
	int (*list)(void *state, struct runtime_images *ret, struct err *err);
	/* Forgets the names, and removes what nothing refers to any more: neither an image, nor a
	 * container, nor another node. A name that is not there is success. `ret_freed`: bytes. */
	int (*remove)(void *state, const struct strv *names, uint64_t *ret_freed, struct err *err);
	/* Notes that the image was used just now. -ENOENT. */
	int (*touch)(void *state, const char *name, struct err *err);
	/* Adds the folders whose file systems images fill. */
	int (*dirs)(void *state, struct strv *ret, struct err *err);
	/* Forgets what fetches that failed have kept for their next try, but of the images named, and
	 * of fetches under way; and gives back what instances that were removed had on the disk, if
	 * something of it is left. */
	int (*settle)(void *state, const struct strv *wanted, struct err *err);
};

enum runtime_caps {
	RUNTIME_CAP_IMAGES = 1, /* stores container images itself: has_image, fetch */
	RUNTIME_CAP_NETNS = 2,  /* wants a network namespace; else a tap */
	RUNTIME_CAP_BOOT = 4,   /* what it runs boots: the status tells when it is silent */
};

struct runtime_driver {
	const char *name; /* containerd, qemu, fake */
	uint32_t caps;

	/* Connects, or starts what it needs (a containerd of our own). The state is freed by
	 * close, which leaves everything running. */
	int (*open)(const struct runtime_config *config, void **ret, struct err *err);
	void (*close)(void *state);
	/* Ends supporting processes that open started, after the last instance is gone. */
	int (*shutdown)(void *state, struct err *err);

	/* Proves what works by running it. May take seconds: what is known from an earlier time, or can
	 * be known soon, is told at once, and the rest is pending for the next call. */
	int (*probe)(void *state, struct runtime_info *ret, struct err *err);

	const struct runtime_image_ops *images; /* CAP_IMAGES, else NULL */
	/* CAP_IMAGES: 0 with the digest if the image is there complete, -ENOENT if not. */
	int (*has_image)(void *state, const char *name, char digest[DIGEST_SIZE], struct err *err);
	int (*fetch)(void *state, struct image_source *source, const struct runtime_ctx *ctx,
		     struct err *err);

	/* Others, optional: 0 if this folder of an image holds what can be started here, asked before
	 * an earlier version is stopped for it. -ENOENT, -ENOEXEC, -ENOTSUP with the reason. */
	int (*check_image)(void *state, const char *dir, struct err *err);

	/* Returns when the process runs. If the instance runs already with the same incarnation,
	 * success; with another one, -EEXIST (stop it first). On failure nothing is left. */
	int (*start)(void *state, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
		     struct runtime_status *ret, struct err *err);
	/* Optional: halts what runs, with all of its memory, or lets it go on; as it is already is
	 * success. -ENOENT: it does not run; -ENOTSUP with the reason: it cannot be halted here. What
	 * is halted can be stopped like all else. */
	int (*set_paused)(void *state, const char *instance_id, bool is_paused, struct err *err);
	/* Optional: sends the stop signal and returns, so that the grace period can be waited for
	 * elsewhere; to the process that was last seen where the runtime has lost it. Gone is
	 * success. */
	int (*terminate)(void *state, const struct runtime_status *last, struct err *err);
	/* Stop signal, grace, kill; then removes everything of it except its logs. Gone is
	 * success. `ret` may be NULL; else tells how it ended. Cancel shortens the grace to nothing. */
	int (*stop)(void *state, const char *instance_id, const struct runtime_ctx *ctx,
		    struct runtime_status *ret, struct err *err);

	/* All instances of this node, or the one named: an empty list if it is unknown. Ended ones
	 * stay listed until stop removes them. */
	int (*list)(void *state, const char *instance_id, struct runtime_list *ret,
		    struct err *err);
	int (*stats)(void *state, const char *instance_id, struct runtime_stats *ret,
		     struct err *err);
	const struct runtime_exec_ops *exec; /* NULL: nothing can be run in what it runs; see there */
	const struct runtime_warm_ops *warm; /* NULL: none waits */
};

extern const struct runtime_driver containerd_driver, qemu_driver;

/* In-process runtime for simulations and scale tests: instances live in a `struct fake_host`, which
 * outlives any driver state opened on it, as processes outlive a killed supervisor. */
struct fake_host;
struct fake_host *fake_host_new(void);
struct fake_host *fake_host_free(struct fake_host *host);
/* How often `instance_id` runs at this moment; more than 1 is what must never happen. */
unsigned fake_host_running(const struct fake_host *host, const char *instance_id);
extern const struct runtime_driver
	fake_driver; /* config->data_dir is the host's address, see fake.c */
const char *fake_host_dir(struct fake_host *host); /* to be passed as data_dir */
/* What goes wrong, for tests: the next `n` starts fail; images whose name contains `part` (NULL: none)
 * are not there; what runs ends by itself. */
void fake_host_fail_starts(struct fake_host *host, unsigned n);
void fake_host_hide_images(struct fake_host *host, const char *part);
void fake_host_end(struct fake_host *host, const char *instance_id, enum runtime_end end);
/* Whether what runs has printed nothing, also what is started from now on. */
void fake_host_silence(struct fake_host *host, bool is_silent);
/* Nothing that runs there can be paused. */
void fake_host_deny_pauses(struct fake_host *host, bool is_denied);
/* One of its processes is killed for memory; it goes on. */
void fake_host_oom(struct fake_host *host, const char *instance_id);

#endif
