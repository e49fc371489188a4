/* The table of Oakestra's routes, and the handlers that need no more than one question or one change. */
#include "api/oakestra/private.h"

struct oakestra_user oakestra_who(const struct api_request *request)
{
	const struct identity *who = &request->who;

	return (struct oakestra_user){
		.name = who->user,
		.organization = who->scope,
		.is_admin = who->is_admin,
		.is_manager = who->is_manager,
		.is_stranger = !who->is_member,
	};
}

struct oakestra_change oakestra_change_of(struct api_request *request, oakestra_done_fn done)
{
	return (struct oakestra_change){
		.user = oakestra_who(request),
		.id = request->match.params[0],
		.done = done,
		.arg = request,
	};
}

void oakestra_reply(struct api_request *request, char *take_json, const struct err *err)
{
	if (take_json)
		api_reply_json(request, take_json);
	else
		api_reply_err(request, err);
}

static void on_changed(void *arg, const struct oakestra_result *result, const struct err *err)
{
	if (err->code)
		api_reply_err(arg, err);
	else
		api_reply_message(arg, "ok");
}

static void change(struct api_request *request,
		   void (*begin)(struct server *server, const struct oakestra_change *change))
{
	const struct oakestra_change asked = oakestra_change_of(request, on_changed);

	begin(request->api->config.server, &asked);
}

/* Whoever is no administrator gets what he may see, where Oakestra refuses. */
static void get_applications(struct api_request *request)
{
	const struct oakestra_user user = oakestra_who(request);

	api_reply_list(request, oakestra_list_apps(request->api->config.server, &user, false));
}

static void get_own_applications(struct api_request *request)
{
	const struct oakestra_user user = oakestra_who(request);
	const struct identity *who = &request->who;

	if (!who->user_id[0] || !str_eq(request->match.params[0], who->user_id))
		api_reply_error(request, 403, "these are another user's applications");
	else
		api_reply_list(request,
			       oakestra_list_apps(request->api->config.server, &user, true));
}

static void get_application(struct api_request *request)
{
	const struct oakestra_user user = oakestra_who(request);
	struct err err = { 0 };
	char *json = oakestra_show_app(request->api->config.server, &user, request->match.params[0],
				       &err);

	oakestra_reply(request, json, &err);
}

struct description {
	char *name;
	char *ns;
	char *desc;
};

static const struct field description_fields[] = {
	FIELD(struct description, name, "application_name", F_STR),
	FIELD(struct description, ns, "application_namespace", F_STR),
	FIELD(struct description, desc, "application_desc", F_STR, .max = 4096),
};
static FIELD_TABLE(description_table, struct description, "application description",
		   description_fields);

/* The dashboard sends all of the object that it was given. */
static void put_application(struct api_request *request)
{
	struct oakestra_change asked = oakestra_change_of(request, on_changed);
	struct description body = { 0 };
	struct err err;

	if (fields_parse_text(&description_table, http_request_body(request->http, NULL), &body,
			      FIELD_UNKNOWN_IGNORE, &err) < 0) {
		api_reply_err(request, &err);
		return;
	}
	asked.name = body.name;
	asked.ns = body.ns;
	asked.desc = body.desc;
	oakestra_describe_app_begin(request->api->config.server, &asked);
	fields_fini(&description_table, &body);
}

static void delete_application(struct api_request *request)
{
	change(request, oakestra_delete_app_begin);
}

static void list_services(struct api_request *request, const char *app_id)
{
	const struct oakestra_user user = oakestra_who(request);
	struct err err = { 0 };
	struct server_list *list = oakestra_list_services(request->api->config.server, &user,
							  app_id, &err);

	if (list)
		api_reply_list(request, list);
	else
		api_reply_err(request, &err);
}

static void get_services(struct api_request *request)
{
	list_services(request, NULL);
}

static void get_services_of(struct api_request *request)
{
	list_services(request, request->match.params[0]);
}

static void delete_service(struct api_request *request)
{
	change(request, oakestra_delete_service_begin);
}

static void post_instance(struct api_request *request)
{
	change(request, oakestra_deploy_begin);
}

static void delete_instance(struct api_request *request)
{
	struct oakestra_change asked = oakestra_change_of(request, on_changed);
	const char *text = request->match.params[1];
	uint32_t number = 0;

	if (!str_eq(text, "-1") && parse_u32(text, 0, UINT32_MAX, &number) < 0) {
		auto_free char *message =
			xasprintf("instance %.40s: expected its number, or -1 for all", text);

		api_reply_error(request, 400, message);
		return;
	}
	asked.number = *text == '-' ? -1 : (int64_t)number;
	oakestra_undeploy_begin(request->api->config.server, &asked);
}

static void get_clusters(struct api_request *request)
{
	api_reply_json(request, oakestra_list_clusters(request->api->config.server, false));
}

static void get_active_clusters(struct api_request *request)
{
	api_reply_json(request, oakestra_list_clusters(request->api->config.server, true));
}

static const struct route routes[] = {
	{ "GET", "/api/applications", get_applications, ROUTE_USER, .id = "listApplications",
	  .answer = &oakestra_app_table, .form = ROUTE_LIST,
	  .summary = "applications: an administrator's are all, else one's own" },
	{ "GET", "/api/applications/{user_id}", get_own_applications, ROUTE_USER,
	  .id = "listOwnApplications", .answer = &oakestra_app_table, .form = ROUTE_LIST,
	  .summary = "one's own applications" },
	{ "POST", "/api/application", oakestra_post_application, ROUTE_USER,
	  .id = "createApplications", .body = &sla_table, .answer = &oakestra_app_table,
	  .form = ROUTE_LIST,
	  .summary = "makes the applications of a descriptor (SLA v2.0), all or none, without "
		     "instances; answers with all that the user has" },
	{ "GET", "/api/application/{id}", get_application, ROUTE_USER, .id = "getApplication",
	  .answer = &oakestra_app_table, .summary = "an application" },
	{ "PUT", "/api/application/{id}", put_application, ROUTE_USER, .id = "changeApplication",
	  .body = &description_table, .answer = &api_message_table,
	  .summary = "changes its description, or, without services, its name" },
	{ "DELETE", "/api/application/{id}", delete_application, ROUTE_USER,
	  .id = "deleteApplication", .answer = &api_message_table,
	  .summary = "deletes an application with its services and instances" },
	{ "GET", "/api/services", get_services, ROUTE_USER, .id = "listMicroservices",
	  .answer = &oakestra_service_table, .form = ROUTE_LIST,
	  .summary = "services: an administrator's are all, else one's own" },
	{ "GET", "/api/services/{application_id}", get_services_of, ROUTE_USER,
	  .id = "listMicroservicesOf", .answer = &oakestra_service_table, .form = ROUTE_LIST,
	  .summary = "services of an application" },
	{ "POST", "/api/service", oakestra_post_service, ROUTE_USER, .id = "addMicroservices",
	  .body = &sla_table, .answer = &oakestra_added_table,
	  .summary = "adds services to the application that applications[0].applicationID names" },
	{ "GET", "/api/service/{id}", oakestra_get_service, ROUTE_USER, .id = "getMicroservice",
	  .answer = &oakestra_service_table,
	  .summary =
		  "a service, by id or by a name that no other has, with its instances and the last "
		  "lines of their output" },
	{ "PUT", "/api/service/{id}", oakestra_put_service, ROUTE_USER, .id = "changeMicroservice",
	  .body = &sla_table, .answer = &api_message_table,
	  .summary = "makes a service what the descriptor's only microservice says" },
	{ "DELETE", "/api/service/{id}", delete_service, ROUTE_USER, .id = "deleteMicroservice",
	  .answer = &api_message_table, .summary = "deletes a service with its instances" },
	{ "POST", "/api/service/{id}/instance", post_instance, ROUTE_USER, .id = "deployInstance",
	  .answer = &api_message_table,
	  .summary = "deploys one more instance; a body is not looked at" },
	{ "DELETE", "/api/service/{id}/instance/{number}", delete_instance, ROUTE_USER,
	  .id = "undeployInstance", .answer = &api_message_table,
	  .summary = "undeploys an instance, or all with -1" },
	{ "GET", "/api/clusters", get_clusters, ROUTE_USER, .id = "listClusters",
	  .answer = &oakestra_cluster_table, .form = ROUTE_LIST, .summary = "all clusters" },
	{ "GET", "/api/clusters/active", get_active_clusters, ROUTE_USER,
	  .id = "listActiveClusters", .answer = &oakestra_cluster_table, .form = ROUTE_LIST,
	  .summary = "clusters that have nodes" },
};

const struct route_group oakestra_group = { routes, ARRAY_LEN(routes) };
