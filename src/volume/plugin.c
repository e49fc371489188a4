/* CSI drivers of this node: where they are, and whether they answer. */
#include "base/base.h"
#include "volume/private.h"
#include "wire/csi/csi.h"
#include "wire/grpc/grpc.h"

#define PROBE_MS 5000 /* for each question */

static int add_plugin(struct volumes *volumes, const char *word, struct err *err)
{
	const char *equals = strchr(word, '=');

	if (!equals || equals == word || equals[1] != '/')
		return err_set(err, -EINVAL, "CSI driver %.200s: expected NAME=/PATH/OF/SOCKET",
			       word);
	struct plugin *plugin = ARRAY_ADD(volumes->plugins, volumes->n_plugins);
	plugin->name = xstrndup(word, (size_t)(equals - word));
	plugin->socket = xstrdup(equals + 1);
	STR_COPY(plugin->problem, "not asked yet");
	return 0;
}

int plugins_open(struct volumes *volumes, struct err *err)
{
	const struct strv *words = volumes->config.csi;
	int r = 0;

	for (size_t i = 0; words && r == 0 && i < words->n; i++)
		r = add_plugin(volumes, words->items[i], err);
	return r;
}

void plugins_close(struct volumes *volumes)
{
	for (size_t i = 0; i < volumes->n_plugins; i++) {
		free((void *)(uintptr_t)volumes->plugins[i].name);
		free((void *)(uintptr_t)volumes->plugins[i].socket);
	}
	free(volumes->plugins);
}

/* Fills what is found; false with the problem if it is of no use. */
static bool ask(struct plugin *plugin, const struct cancel *cancel)
{
	auto_(grpc_conn_free) struct grpc_conn *conn = grpc_conn_new(plugin->socket);
	struct csi csi = { .grpc = conn, .timeout_ms = PROBE_MS, .cancel = cancel };
	struct csi_plugin found = { 0 };
	struct err err = { 0 };

	if (csi_ask(&csi, &found, &err) < 0)
		STR_COPY(plugin->problem, err.msg);
	else if (!str_eq(found.name, plugin->name))
		snprintf(plugin->problem, sizeof(plugin->problem), "the driver at %.200s is %s",
			 plugin->socket, found.name);
	else if (!found.is_ready)
		STR_COPY(plugin->problem, "it says that it is not ready");
	else
		plugin->problem[0] = '\0';
	STR_COPY(plugin->node_id, found.node_id);
	plugin->has_stage = found.has_stage;
	plugin->has_multi_writer = found.has_multi_writer;
	plugin->is_ok = !plugin->problem[0];
	return plugin->is_ok;
}

static struct plugin *find(struct volumes *volumes, const char *name)
{
	for (size_t i = 0; i < volumes->n_plugins; i++)
		if (str_eq(volumes->plugins[i].name, name))
			return &volumes->plugins[i];
	return NULL;
}

static void note(struct volumes *volumes, const struct plugin *asked)
{
	struct plugin *plugin = find(volumes, asked->name);

	pthread_mutex_lock(&volumes->lock);
	if (plugin->is_ok != asked->is_ok && asked->is_ok)
		log_info("CSI driver %s answers at %s, and calls this node \"%s\"", plugin->name,
			 plugin->socket, asked->node_id);
	else if (!str_eq(plugin->problem, asked->problem))
		log_warning("CSI driver %s: %s", plugin->name, asked->problem);
	*plugin = *asked;
	pthread_mutex_unlock(&volumes->lock);
}

void plugins_probe(struct volumes *volumes, const struct cancel *cancel, struct volume_info *ret)
{
	for (size_t i = 0; i < volumes->n_plugins; i++) {
		struct plugin plugin = { .name = volumes->plugins[i].name,
					 .socket = volumes->plugins[i].socket };

		if (ask(&plugin, cancel))
			strv_add(&ret->drivers, plugin.name);
		else
			strv_addf(&ret->problems, "csi %s: %s", plugin.name, plugin.problem);
		note(volumes, &plugin);
	}
}

int plugin_find(struct volumes *volumes, const char *name, const struct cancel *cancel,
		struct plugin *ret, struct err *err)
{
	const struct plugin *plugin = find(volumes, name);

	if (!plugin)
		return err_set(err, -ENOTSUP, "this node has no CSI driver %s", name);
	pthread_mutex_lock(&volumes->lock);
	*ret = *plugin;
	pthread_mutex_unlock(&volumes->lock);
	if (ret->is_ok)
		return 0;
	ask(ret, cancel);
	note(volumes, ret);
	return ret->is_ok ? 0 : err_set(err, -EAGAIN, "CSI driver %s: %s", name, ret->problem);
}

void plugin_doubt(struct volumes *volumes, const char *name, const struct err *err)
{
	struct plugin *plugin = find(volumes, name);

	if (!plugin || (err->code != -ECONNREFUSED && err->code != -ECONNRESET))
		return;
	pthread_mutex_lock(&volumes->lock);
	plugin->is_ok = false;
	STR_COPY(plugin->problem, err->msg);
	pthread_mutex_unlock(&volumes->lock);
}
