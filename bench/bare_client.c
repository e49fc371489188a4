/* Starts and ends containers through containerd's API with nothing around it: what `bench/run rate`
 * and `density` compare Holm with. Output is /dev/null, the network is an empty namespace.
 *
 *   bare_client SOCKET NAMESPACE PARENT SPEC N THREADS
 *
 * PARENT is the snapshot of the image's layers, SPEC a file with the OCI spec (%ID% is replaced).
 * Prints {"start_s":…,"delete_s":…}: from the first call to the last answer. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/base.h"
#include "base/clock.h"
#include "wire/containerd/containerd.h"
#include "wire/grpc/grpc.h"

#define CALL_MS     60000
#define SPEC_MAX    ((size_t)1 << 20)
#define THREADS_MAX 64

struct bench {
	const char *socket;
	const char *ns;
	const char *parent;
	char *spec;
	uint32_t n;
	uint32_t n_threads;
	int (*life)(const struct containerd *c, const struct bench *bench, const char *id,
		    struct err *err);
	atomic_uint next;
};

static void check(int result, const struct err *err)
{
	if (result >= 0)
		return;
	fprintf(stderr, "bare_client: %s\n", err->msg);
	exit(1);
}

static char *spec_of(const struct bench *bench, const char *id)
{
	static const char mark[] = "%ID%";
	const char *at = strstr(bench->spec, mark);

	if (!at)
		return xstrdup(bench->spec);
	return xasprintf("%.*s%s%s", (int)(at - bench->spec), bench->spec, id,
			 at + sizeof(mark) - 1);
}

static int start(const struct containerd *c, const struct bench *bench, const char *id,
		 struct err *err)
{
	auto_free char *spec = spec_of(bench, id);
	const struct containerd_container container = { .id = id,
							.image = "",
							.runtime = "io.containerd.runc.v2",
							.spec = spec };
	const struct containerd_snapshot snapshot = { .key = id, .parent = bench->parent };
	auto_containerd_mounts struct containerd_mounts mounts = { 0 };
	struct containerd_task task = { .id = id, .rootfs = &mounts, .output = "" };
	pid_t pid;
	auto_containerd_record struct containerd_record record = { 0 };
	int r = containerd_container_create(c, &container, &record, err);

	if (r == 0)
		r = containerd_snapshot_prepare(c, &snapshot, &mounts, err);
	if (r == 0)
		r = containerd_task_create(c, &task, &pid, err);
	return r < 0 ? r : containerd_task_start(c, id, err);
}

static int end(const struct containerd *c, const struct bench *bench, const char *id,
	       struct err *err)
{
	uint32_t code;
	int r = containerd_task_kill(c, id, SIGKILL, err);

	if (r == 0)
		r = containerd_task_wait(c, id, &code, err);
	if (r == 0)
		r = containerd_task_delete(c, id, &code, err);
	if (r == 0)
		r = containerd_container_delete(c, id, err);
	if (r == 0)
		r = containerd_snapshot_remove(c, id, err);
	return r == -ENOENT ? 0 : r; /* the collector was faster */
}

static void *work(void *arg)
{
	struct bench *bench = arg;
	auto_(grpc_conn_free) struct grpc_conn *conn = grpc_conn_new(bench->socket);
	const struct containerd c = { .grpc = conn,
				      .ns = bench->ns,
				      .snapshotter = "overlayfs",
				      .timeout_ms = CALL_MS };
	unsigned i;

	while ((i = atomic_fetch_add(&bench->next, 1)) < bench->n) {
		auto_free char *id = xasprintf("bare-%04u", i);
		struct err err = { 0 };

		check(bench->life(&c, bench, id, &err), &err);
	}
	return NULL;
}

/* Seconds that all of them took. */
static double run(struct bench *bench)
{
	pthread_t threads[THREADS_MAX];
	uint64_t begin = clock_monotonic_ms();

	bench->next = 0;
	for (uint32_t i = 0; i < bench->n_threads; i++)
		if (pthread_create(&threads[i], NULL, work, bench) != 0)
			abort();
	for (uint32_t i = 0; i < bench->n_threads; i++)
		pthread_join(threads[i], NULL);
	return (double)(clock_monotonic_ms() - begin) / 1000;
}

int main(int argc, char **argv)
{
	struct bench bench = { 0 };
	struct err err = { 0 };

	if (argc != 7 || parse_u32(argv[5], 1, 10000, &bench.n) < 0 ||
	    parse_u32(argv[6], 1, THREADS_MAX, &bench.n_threads) < 0) {
		fprintf(stderr, "usage: bare_client SOCKET NAMESPACE PARENT SPEC N THREADS\n");
		return 2;
	}
	bench.socket = argv[1];
	bench.ns = argv[2];
	bench.parent = argv[3];
	check(file_read(argv[4], SPEC_MAX, &bench.spec, NULL, &err), &err);
	bench.life = start;
	double start_s = run(&bench);
	bench.life = end;
	double delete_s = run(&bench);
	printf("{\"start_s\": %.3f, \"delete_s\": %.3f}\n", start_s, delete_s);
	free(bench.spec);
	return 0;
}
