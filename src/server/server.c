/* The server's life: load what is on disk, listen to nodes, answer requests. */
#include "server/private.h"
#include "server/server.h"

struct server *server_new(const struct server_config *config, struct err *err)
{
	struct server *server = NEW(struct server);

	server->config = *config;
	list_init(&server->requests);
	list_init(&server->running);
	list_init(&server->watches);
	/* Event numbers grow over restarts, so that a reader notices that it missed some. */
	server->event_seq = loop_wall_ms(config->loop);
	server->store = store_open(config->loop, config->store, config->store_where, err);
	accounts_new(server);
	hooks_new(server);
	if (!server->store || state_load(server, err) < 0 || accounts_begin(server, err) < 0) {
		server_free(server);
		return NULL;
	}
	messages_begin_server(server);
	hooks_begin(server);
	settle_begin(server);
	return server;
}

struct server *server_free(struct server *server)
{
	if (!server)
		return NULL;
	store_close(server->store);
	request_free_all(server);
	watch_free_all(server);
	accounts_free(server);
	hooks_free(server);
	state_fini(server);
	free(server);
	return NULL;
}

const char *server_cluster_name(const struct server *server)
{
	return server->config.cluster_name ? server->config.cluster_name : SERVER_CLUSTER_NAME;
}
