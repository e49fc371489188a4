/* Lists: written in pieces while things come and go, filtered, and by pages. */
#include "kit.h"
#include "server/oakestra.h"

#define TWO                                                                         \
	SLA(APPLICATION("a", SERVICE("web", ",\"replicas\":3") "," SERVICE(         \
				     "db", "")) "," APPLICATION("b", SERVICE("web", \
									     ",\"replicas\":2")))

static const struct oakestra_user admin = { "Admin", true };

static struct server_list *services(struct kit *kit)
{
	struct err err;

	return oakestra_list_services(kit->server, &admin, NULL, &err);
}

/* All pieces from here on, each as small as it can be; the number of them. */
static size_t read_on(struct server_list *list, struct buf *text)
{
	bool is_more = true;
	size_t n = 0;

	while (is_more) {
		size_t len;

		is_more = server_list_write(list, 1);
		const char *piece = server_list_piece(list, &len);
		assert_int_equal(buf_add(text, piece, len), 0);
		n++;
	}
	return n;
}

static struct json *parsed(const struct buf *text)
{
	struct json *json = NULL;
	struct err err;

	if (json_parse(text->data, text->len, &json, &err) < 0)
		fail_msg("%s: %s", err.msg, text->data);
	return json;
}

static void compare(struct server_list *list, struct server_list *take_same, size_t n_pieces)
{
	auto_free char *whole = server_list_text(take_same);
	auto_buf struct buf text;

	buf_init(&text, 1 << 20);
	assert_true(read_on(list, &text) >= n_pieces);
	assert_string_equal(text.data, whole);
	server_list_free(list);
}

static void in_pieces_it_is_the_same(void **state)
{
	struct kit *kit = *state;

	kit_must_apply(kit, TWO);
	/* Of Oakestra's services each instance is a piece. */
	compare(services(kit), services(kit), 6);
	compare(server_list_begin(kit->server, SERVER_INSTANCES, NULL),
		server_list_begin(kit->server, SERVER_INSTANCES, NULL), 6);
	compare(server_list_begin(kit->server, SERVER_APPS, NULL),
		server_list_begin(kit->server, SERVER_APPS, NULL), 2);
}

static void an_empty_one_is_an_array(void **state)
{
	struct kit *kit = *state;
	auto_free char *text = server_list_text(services(kit));
	auto_free char *nodes =
		server_list_text(server_list_begin(kit->server, SERVER_NODES, NULL));

	assert_string_equal(text, "[]");
	assert_string_equal(nodes, "[]");
}

/* While the list is in the middle of a service's instances. */
static void what_goes_meanwhile_is_left_out(void **state)
{
	struct kit *kit = *state;
	auto_buf struct buf text;
	size_t len;

	buf_init(&text, 1 << 20);
	kit_must_apply(kit, TWO);
	struct server_list *list = services(kit);
	/* The bracket, and the first instance of the first service. */
	for (int i = 0; i < 2; i++) {
		assert_true(server_list_write(list, 1));
		const char *piece = server_list_piece(list, &len);
		buf_add(&text, piece, len);
	}
	assert_int_equal(kit_delete(kit, "a"), 0);
	assert_int_equal(kit_delete(kit, "b"), 0);
	kit_run(kit, 1000);
	assert_int_equal(kit_n(kit, "instances"), 0);
	read_on(list, &text);
	server_list_free(list);
	auto_(json_free) struct json *json = parsed(&text);
	assert_int_equal(json_count(json), 1);
	assert_int_equal(json_count(json_get(json_at(json, 0), "instance_list")), 1);
}

static void what_comes_meanwhile_is_not_in_it(void **state)
{
	struct kit *kit = *state;
	auto_buf struct buf text;

	buf_init(&text, 1 << 20);
	kit_must_apply(kit, TWO);
	struct server_list *list = server_list_begin(kit->server, SERVER_SERVICES, NULL);
	kit_must_apply(kit, APP("c", SERVICE("web", "")));
	read_on(list, &text);
	server_list_free(list);
	auto_(json_free) struct json *json = parsed(&text);
	assert_int_equal(json_count(json), 3);
	assert_int_equal(kit_n(kit, "services"), 4);
}

static size_t count(struct kit *kit, enum server_listed what, const struct server_filter *filter)
{
	auto_free char *text = server_list_text(server_list_begin(kit->server, what, filter));
	auto_(json_free) struct json *json = NULL;
	struct err err;

	assert_int_equal(json_parse(text, strlen(text), &json, &err), 0);
	return json_count(json);
}

#define COUNT(what, ...) count(kit, SERVER_##what, &(const struct server_filter){ __VA_ARGS__ })

static void filters_leave_out_what_does_not_fit(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, TWO);
	auto_free char *id = kit_value(kit, "instances", "db.0", "id");
	kit_report(kit, NODE_A, id, STATE_RUNNING, "");
	assert_int_equal(COUNT(SERVICES, .app = "a.t"), 2);
	assert_int_equal(COUNT(INSTANCES, .app = "a.t"), 4);
	/* Whole names alone. */
	assert_int_equal(COUNT(INSTANCES, .app = "a"), 0);
	assert_int_equal(COUNT(INSTANCES, .app = "a.t.web"), 0);
	assert_int_equal(COUNT(INSTANCES, .app = ""), 0);
	assert_int_equal(COUNT(INSTANCES, .status = "RUNNING"), 1);
	assert_int_equal(COUNT(INSTANCES, .status = "RUNNING", .app = "b.t"), 0);
	assert_int_equal(COUNT(SERVICES, .status = "RUNNING"), 1);
	assert_int_equal(COUNT(SERVICES, .status = "NODE_SCHEDULED"), 2);
	assert_int_equal(COUNT(INSTANCES, .node = NODE_A), 6);
	assert_int_equal(COUNT(INSTANCES, .node = NODE_B), 0);
}

static void pages_have_each_once(void **state)
{
	struct kit *kit = *state;
	struct server_filter filter = { .limit = 4 };
	auto_strv struct strv ids = { 0 };
	char after[ID_SIZE];
	size_t n_pages = 0;

	kit_must_apply(kit, TWO);
	for (bool is_more = true; is_more; n_pages++) {
		struct server_list *list = server_list_begin(kit->server, SERVER_INSTANCES,
							     &filter);
		const char *next = server_list_next(list);

		is_more = next != NULL;
		if (next)
			STR_COPY(after, next);
		auto_free char *text = server_list_text(list);
		auto_(json_free) struct json *json = NULL;
		struct err err;
		assert_int_equal(json_parse(text, strlen(text), &json, &err), 0);
		assert_int_equal(json_count(json), is_more ? 4 : 2);
		for (size_t i = 0; i < json_count(json); i++) {
			const char *id = json_get_str(json_at(json, i), "id");

			assert_true(!ids.n || strcmp(ids.items[ids.n - 1], id) < 0);
			strv_add(&ids, id);
		}
		filter.after = after;
	}
	assert_int_equal(n_pages, 2);
	assert_int_equal(ids.n, 6);
	/* A full last page has none after it. */
	struct server_list *all = server_list_begin(kit->server, SERVER_INSTANCES,
						    &(struct server_filter){ .limit = 6 });
	assert_null(server_list_next(all));
	server_list_free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(in_pieces_it_is_the_same),
		KIT_TEST(an_empty_one_is_an_array),
		KIT_TEST(what_goes_meanwhile_is_left_out),
		KIT_TEST(what_comes_meanwhile_is_not_in_it),
		KIT_TEST(filters_leave_out_what_does_not_fit),
		KIT_TEST(pages_have_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
