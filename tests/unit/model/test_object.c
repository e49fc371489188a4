/* Stored objects and messages come back as they were written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/message.h"

static void comes_back(const struct field_table *table, const char *text)
{
	auto_free void *object = xcalloc(1, table->size);
	struct err err = { 0 };

	if (fields_parse_text(table, text, object, FIELD_UNKNOWN_ERROR, &err) < 0)
		fail_msg("%s: %s", table->name, err.msg);
	auto_free char *back = fields_format(table, object);
	assert_string_equal(back, text);
	fields_fini(table, object);
}

#define ID "0123456789abcdef01234567"
#define SPEC                                                                             \
	"{\"microservice_name\":\"a\",\"microservice_namespace\":\"b\","                 \
	"\"virtualization\":\"docker\",\"code\":\"docker.io/library/nginx\",\"cmd\":[]," \
	"\"memory\":100,\"vcpus\":1,\"vgpus\":0,\"vtpus\":0,\"bandwidth_in\":0,"         \
	"\"bandwidth_out\":0,\"storage\":0,\"replicas\":2}"
#define DEPLOY                                                                           \
	"{\"instance_id\":\"" ID "\",\"_id\":\"" ID "\",\"job_name\":\"x.y.a.b\","       \
	"\"instance_number\":3,\"generation\":2,\"revision\":7,\"RR_ip\":\"10.30.0.1\"," \
	"\"instance_ip\":\"10.30.0.2\",\"spec\":" SPEC "}"

static void objects(void **state)
{
	comes_back(&app_table, "{\"id\":\"" ID "\",\"name\":\"x\",\"namespace\":\"y\","
			       "\"owner\":\"Admin\",\"created_ms\":1795439960500}");
	comes_back(&service_table, "{\"id\":\"" ID "\",\"app_id\":\"" ID "\",\"name\":\"x.y.a.b\","
				   "\"spec\":" SPEC ",\"generation\":1,\"next_number\":4,"
				   "\"rr_ip\":\"10.30.0.1\",\"created_ms\":0}");
	comes_back(&instance_table, "{\"id\":\"" ID "\",\"service_id\":\"" ID "\","
				    "\"sname\":\"x.y.a.b\",\"number\":0,\"node_id\":\"" ID "\","
				    "\"instance_ip\":\"10.30.0.2\",\"memory_mib\":100,"
				    "\"cpu_millis\":1000,\"is_removed\":true,\"created_ms\":5}");
	comes_back(&node_table, "{\"id\":\"" ID "\",\"host\":\"edge-1\",\"ip\":\"10.99.0.1\","
				"\"architecture\":\"amd64\",\"vcpus\":4,\"memory_mib\":8000,"
				"\"virtualization\":[\"docker\",\"unikernel\"],\"problems\":[],"
				"\"has_kvm\":false,\"subnets\":[\"10.18.0.0/26\"],"
				"\"version\":\"0.1.0\"}");
	comes_back(&instance_status_table,
		   "{\"instance_id\":\"" ID "\",\"status\":\"RUNNING\",\"status_detail\":\"\","
		   "\"generation\":1,\"incarnation\":2,\"is_ready\":true,\"nsip\":\"10.18.0.2\","
		   "\"virtualization\":\"docker\",\"digest\":\"\",\"pid\":17,\"started_ms\":9,"
		   "\"progress_percent\":0,\"is_update_failed\":false}");
}

static void messages(void **state)
{
	comes_back(&msg_accept_table, "{\"subnets\":[\"10.18.0.0/26\",\"10.18.0.64/26\"]}");
	comes_back(&msg_deploy_table, DEPLOY);
	comes_back(&msg_delete_table, "{\"instance_id\":\"" ID "\",\"revision\":8}");
	comes_back(&msg_sync_table, "{\"revision\":7,\"instance_list\":[" DEPLOY "," DEPLOY "]}");
	comes_back(&msg_table_table,
		   "{\"services\":[{\"app_name\":\"x.y.a.b\",\"RR_ip\":\"10.30.0.1\","
		   "\"port\":\"80\",\"instance_list\":[{\"instance_id\":\"" ID "\","
		   "\"instance_number\":0,\"worker_id\":\"" ID "\",\"instance_ip\":\"10.30.0.2\","
		   "\"namespace_ip\":\"\",\"is_ready\":false}]}]}");
	comes_back(&msg_resources_table,
		   "{\"services\":[{\"instance_id\":\"" ID "\",\"memory_bytes\":1,"
		   "\"cpu_ns\":2}],\"used\":{\"memory_mib\":3,"
		   "\"cpu_millis\":4,\"pids\":5,\"disk_mib\":6}}");
}

static void unknown_status_names_the_known_ones(void **state)
{
	struct instance_status status = { 0 };
	struct err err = { 0 };

	assert_int_equal(fields_parse_text(&instance_status_table,
					   "{\"instance_id\":\"x\",\"status\":\"GONE\"}", &status,
					   FIELD_UNKNOWN_IGNORE, &err),
			 -EINVAL);
	assert_non_null(strstr(err.msg, "status: expected one of REQUESTED, NO_WORKER_CAPACITY, "));
	assert_non_null(strstr(err.msg, "UNDEPLOYED, got \"GONE\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects),
		cmocka_unit_test(messages),
		cmocka_unit_test(unknown_status_names_the_known_ones),
	};

	return cmocka_run_group_tests_name("model/object", tests, NULL, NULL);
}
