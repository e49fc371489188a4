/* Where volumes can be had. */
#include "base/base.h"
#include "model/volume.h"
#include "sched/volume.h"

/* Why the driver that the node was given does not work, if it told: "csi NAME: …". */
static void add_driver_problem(const struct node *facts, const char *driver, struct buf *why)
{
	auto_free char *about = xasprintf("csi %s:", driver);

	for (size_t i = 0; i < facts->problems.n; i++)
		if (str_starts(facts->problems.items[i], about))
			buf_addf(why, "; %.200s", facts->problems.items[i]);
}

static bool has_driver(const struct node *facts, const struct sla_volume *volume, struct buf *why)
{
	if (strv_has(&facts->csi_drivers, volume->csi_driver))
		return true;
	buf_addf(why, "has no CSI driver %.100s", volume->csi_driver);
	add_driver_problem(facts, volume->csi_driver, why);
	return false;
}

static bool offers_path(const struct node *facts, const struct sla_volume *volume, struct buf *why)
{
	if (str_is_empty(facts->volume_root)) {
		buf_addf(why, "offers no host paths (holm up --volume-root)");
		return false;
	}
	if (path_is_below(volume->host_path, facts->volume_root))
		return true;
	buf_addf(why, "host path %.80s is not below its volume root %.80s", volume->host_path,
		 facts->volume_root);
	return false;
}

static bool keeps(const struct sched_node *node, const char *name)
{
	return strv_has(&node->facts->volumes, name) ||
	       (node->volumes && strv_has(node->volumes, name));
}

/* One that nobody keeps yet can be made anywhere. */
static bool is_home(const struct sched_snapshot *snapshot, const struct sched_node *node,
		    const char *name, struct buf *why)
{
	if (keeps(node, name))
		return true;
	for (size_t i = 0; i < snapshot->n_nodes; i++) {
		const struct sched_node *other = &snapshot->nodes[i];

		if (!keeps(other, name))
			continue;
		buf_addf(why, "volume %.63s is on %.64s", name,
			 other->facts->hostname ? other->facts->hostname : other->facts->id);
		return false;
	}
	return true;
}

bool volumes_fit(const struct sched_snapshot *snapshot, const struct service_spec *spec,
		 const struct sched_node *node, struct buf *why)
{
	for (size_t i = 0; i < spec->n_volumes; i++) {
		const struct sla_volume *volume = &spec->volumes[i];
		bool fits = false;

		switch (volume_kind(volume)) {
		case VOLUME_CSI:
			fits = has_driver(node->facts, volume, why);
			break;
		case VOLUME_HOST:
			fits = offers_path(node->facts, volume, why);
			break;
		case VOLUME_NAMED:
			fits = is_home(snapshot, node, volume->volume_id, why);
			break;
		case VOLUME_KIND_N:
			break;
		}
		if (!fits)
			return false;
	}
	return true;
}
