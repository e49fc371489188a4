/* Images, snapshots and the unpacking of layers. */
#include "base/base.h"
#include "wire/containerd/rpc.h"

int containerd_image_put(const struct containerd *c, const char *name,
			 const struct containerd_descriptor *target,
			 const struct containerd_labels *labels, struct err *err)
{
	auto_free Ctd__Pair **pairs = rpc_pairs(labels);
	Ctd__Descriptor descriptor;
	Ctd__Image image = CTD__IMAGE__INIT;
	Ctd__ImageMessage request = CTD__IMAGE_MESSAGE__INIT;

	rpc_descriptor(target, &descriptor);
	image.name = rpc_str(name);
	image.target = &descriptor;
	image.n_labels = labels ? labels->n : 0;
	image.labels = pairs;
	request.image = &image;
	int r = rpc_call(c, RPC("images.v1.Images/Create", NULL), &request, NULL, err);
	if (r == -EEXIST)
		r = rpc_call(c, RPC("images.v1.Images/Update", NULL), &request, NULL, err);
	return r;
}

void containerd_mounts_fini(struct containerd_mounts *mounts)
{
	for (size_t i = 0; i < mounts->n; i++) {
		free(mounts->items[i].type);
		free(mounts->items[i].source);
		strv_fini(&mounts->items[i].options);
	}
	free(mounts->items);
	*mounts = (struct containerd_mounts){ 0 };
}

static void take_mounts(const Ctd__SnapshotMounts *from, struct containerd_mounts *ret)
{
	*ret = (struct containerd_mounts){ 0 };
	for (size_t i = 0; i < from->n_mounts; i++) {
		struct containerd_mount *m = ARRAY_ADD(ret->items, ret->n);

		m->type = xstrdup(from->mounts[i]->type);
		m->source = xstrdup(from->mounts[i]->source);
		for (size_t k = 0; k < from->mounts[i]->n_options; k++)
			strv_add(&m->options, from->mounts[i]->options[k]);
	}
}

int containerd_snapshot_prepare(const struct containerd *c,
				const struct containerd_snapshot *snapshot,
				struct containerd_mounts *ret, struct err *err)
{
	auto_free Ctd__Pair **pairs = rpc_pairs(&snapshot->labels);
	auto_message Ctd__SnapshotMounts *answer = NULL;
	Ctd__SnapshotPrepareRequest request = CTD__SNAPSHOT_PREPARE_REQUEST__INIT;

	request.snapshotter = rpc_str(c->snapshotter);
	request.key = rpc_str(snapshot->key);
	request.parent = rpc_str(snapshot->parent);
	request.n_labels = snapshot->labels.n;
	request.labels = pairs;
	int r = rpc_call(c,
			 RPC("snapshots.v1.Snapshots/Prepare", &ctd__snapshot_mounts__descriptor),
			 &request, &answer, err);
	if (r == 0)
		take_mounts(answer, ret);
	return r;
}

int containerd_snapshot_mounts(const struct containerd *c, const char *key,
			       struct containerd_mounts *ret, struct err *err)
{
	auto_message Ctd__SnapshotMounts *answer = NULL;
	Ctd__SnapshotKeyRequest request = CTD__SNAPSHOT_KEY_REQUEST__INIT;

	request.snapshotter = rpc_str(c->snapshotter);
	request.key = rpc_str(key);
	int r = rpc_call(c, RPC("snapshots.v1.Snapshots/Mounts", &ctd__snapshot_mounts__descriptor),
			 &request, &answer, err);
	if (r == 0)
		take_mounts(answer, ret);
	return r;
}

int containerd_snapshot_commit(const struct containerd *c, const char *name, const char *key,
			       const struct containerd_labels *labels, struct err *err)
{
	auto_free Ctd__Pair **pairs = rpc_pairs(labels);
	Ctd__SnapshotCommitRequest request = CTD__SNAPSHOT_COMMIT_REQUEST__INIT;

	request.snapshotter = rpc_str(c->snapshotter);
	request.name = rpc_str(name);
	request.key = rpc_str(key);
	request.n_labels = labels ? labels->n : 0;
	request.labels = pairs;
	return rpc_call(c, RPC("snapshots.v1.Snapshots/Commit", NULL), &request, NULL, err);
}

static int snapshot_call(const struct containerd *c, const char *method, const char *key,
			 struct err *err)
{
	Ctd__SnapshotKeyRequest request = CTD__SNAPSHOT_KEY_REQUEST__INIT;

	request.snapshotter = rpc_str(c->snapshotter);
	request.key = rpc_str(key);
	return rpc_call(c, RPC(method, NULL), &request, NULL, err);
}

int containerd_snapshot_find(const struct containerd *c, const char *key, struct err *err)
{
	return snapshot_call(c, "snapshots.v1.Snapshots/Stat", key, err);
}

int containerd_snapshot_remove(const struct containerd *c, const char *key, struct err *err)
{
	int r = snapshot_call(c, "snapshots.v1.Snapshots/Remove", key, err);

	return r == -ENOENT ? 0 : r;
}

int containerd_diff_apply(const struct containerd *c, const struct containerd_descriptor *layer,
			  const struct containerd_mounts *mounts, char **ret_diff_id,
			  struct err *err)
{
	auto_free Ctd__Mount **list = rpc_mounts(mounts);
	auto_message Ctd__DiffApplyResponse *answer = NULL;
	Ctd__Descriptor descriptor;
	Ctd__DiffApplyRequest request = CTD__DIFF_APPLY_REQUEST__INIT;

	rpc_descriptor(layer, &descriptor);
	request.diff = &descriptor;
	request.n_mounts = mounts->n;
	request.mounts = list;
	int r = rpc_call(c, RPC("diff.v1.Diff/Apply", &ctd__diff_apply_response__descriptor),
			 &request, &answer, err);
	if (r < 0)
		return r;
	*ret_diff_id = xstrdup(answer->applied ? answer->applied->digest : "");
	return 0;
}
