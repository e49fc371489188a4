/* Calls about registries: who this node is to them. A password is in the arguments and in the op, and
 * nowhere else on the way. */
#include "base/secret.h"
#include "model/registry_view.h"
#include "worker/call.h"
#include "worker/private.h"

#define LIST_MAX ((size_t)4 << 20)

struct registry_op {
	struct op op;
	struct call *call;
	const struct image_config *images;
	char *host;
	char *user;
	struct secret password;
	bool is_asked; /* the registry has wanted to know who we are */
	struct image_registries list;
};

static void registry_op_fini(struct op *op)
{
	struct registry_op *r = container_of(op, struct registry_op, op);

	free(r->host);
	free(r->user);
	secret_fini(&r->password);
	image_registries_fini(&r->list);
}

static struct registry_op *registry_op_new(struct call *call, const struct json *args)
{
	struct registry_op *r = NEW(struct registry_op);
	const char *password = json_get_str(args, "password");

	r->op.fini = registry_op_fini;
	r->call = call;
	r->images = &call_worker(call)->config.images;
	r->host = xstrdup(json_get_str(args, "host"));
	r->user = xstrdup(json_get_str(args, "user"));
	if (password)
		secret_set(&r->password, password, strlen(password));
	return r;
}

/* What is missing, as the answer. */
static void refuse(struct registry_op *r, const char *what)
{
	struct err err;

	err_set(&err, -EINVAL, "expected %s, as text", what);
	call_fail(r->call, &err);
	registry_op_fini(&r->op);
	free(r);
}

static char *answer_of(const struct registry_op *r)
{
	const struct registry_login_view view = { .host = r->host,
						  .user = r->user,
						  .has_user = r->user,
						  .is_verified = r->is_asked };

	return fields_format(&registry_login_view_table, &view);
}

static void on_stored(struct op *op)
{
	struct registry_op *r = container_of(op, struct registry_op, op);

	if (op->result < 0) {
		call_fail(r->call, &op->err);
		return;
	}
	log_info("registry %s: %s%s", r->host, r->user ? "logged in as " : "logged out",
		 r->user ? r->user : "");
	call_reply(r->call, answer_of(r));
}

static struct image_login login_of(const struct registry_op *r)
{
	return (struct image_login){ .host = r->host, .user = r->user, .password = &r->password };
}

static void check_run(struct op *op)
{
	struct registry_op *r = container_of(op, struct registry_op, op);
	const struct image_login login = login_of(r);

	op->result = image_registry_check(r->images, &login, &op->cancel, &r->is_asked, &op->err);
}

static void store_run(struct op *op)
{
	struct registry_op *r = container_of(op, struct registry_op, op);
	const struct image_login login = login_of(r);

	op->result = image_registry_login(r->images, &login, &op->err);
}

/* Stored by the one thread that also keeps records: never two at a time. */
static void check_done(struct op *op)
{
	struct registry_op *r = container_of(op, struct registry_op, op);

	if (op->result < 0) {
		call_fail(r->call, &op->err);
		return;
	}
	struct registry_op *next = NEW(struct registry_op);
	*next = (struct registry_op){
		.op = { .run = store_run, .done = on_stored, .fini = registry_op_fini },
		.call = r->call,
		.images = r->images,
		.host = TAKE(r->host),
		.user = TAKE(r->user),
		.password = r->password,
		.is_asked = r->is_asked,
	};
	r->password = (struct secret){ 0 };
	op_begin(op->worker, EXECUTOR_STORE, &next->op);
}

void registry_login_begin(struct call *call, const struct json *args)
{
	struct registry_op *r = registry_op_new(call, args);

	if (!r->host || !r->user || !r->password.bytes) {
		refuse(r, "host, user and password");
		return;
	}
	r->op.run = check_run;
	r->op.done = check_done;
	op_begin(call_worker(call), EXECUTOR_TRANSFER, &r->op);
}

static void logout_run(struct op *op)
{
	struct registry_op *r = container_of(op, struct registry_op, op);

	op->result = image_registry_logout(r->images, r->host, &op->err);
}

void registry_logout_begin(struct call *call, const struct json *args)
{
	struct registry_op *r = registry_op_new(call, args);

	free(TAKE(r->user));
	if (!r->host) {
		refuse(r, "host");
		return;
	}
	r->op.run = logout_run;
	r->op.done = on_stored;
	op_begin(call_worker(call), EXECUTOR_STORE, &r->op);
}

static void list_run(struct op *op)
{
	struct registry_op *r = container_of(op, struct registry_op, op);

	op->result = image_registries_list(r->images, &r->list, &op->err);
}

static char *text_or_empty(char *text)
{
	return text ? text : (char *)(uintptr_t) "";
}

static void emit(const struct image_registry *one, struct json_out *out)
{
	const struct registry_view view = { .host = one->host,
					    .user = text_or_empty(one->user),
					    .is_plain = one->is_plain,
					    .ca_file = text_or_empty(one->ca_file),
					    .mirrors = one->mirrors };

	fields_emit(&registry_view_table, &view, out, NULL);
}

static void list_done(struct op *op)
{
	struct registry_op *r = container_of(op, struct registry_op, op);
	auto_json_out struct json_out out;
	char *text;

	json_out_init(&out, LIST_MAX);
	json_out_array(&out, NULL);
	for (size_t i = 0; op->result == 0 && i < r->list.n; i++)
		emit(&r->list.items[i], &out);
	json_out_array_end(&out);
	if (op->result == 0)
		op->result = json_out_finish(&out, &text, &op->err);
	if (op->result < 0)
		call_fail(r->call, &op->err);
	else
		call_reply(r->call, text);
}

void registry_list_begin(struct call *call, const struct json *args)
{
	struct registry_op *r = registry_op_new(call, args);

	r->op.run = list_run;
	r->op.done = list_done;
	op_begin(call_worker(call), EXECUTOR_STORE, &r->op);
}
