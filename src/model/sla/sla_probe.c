/* Fields of a probe, their defaults, and what is refused. */
#include "base/base.h"
#include "model/sla_probe.h"

#define PATH_LEN_MAX  2048
#define HOST_LEN_MAX  255
#define HEADERS_MAX   20
#define HEADER_MAX    1024
#define THRESHOLD_MAX 1000
#define PORT_MAX      65535
#define WORDS_MAX     100
#define EXEC_MAX_S    60

#define PERIOD_DEFAULT_S  10
#define TIMEOUT_DEFAULT_S 1
#define SHORTEST_S        0.1
#define LONGEST_S         86400

#define S(member, ...) FIELD(struct STRUCT, member, __VA_ARGS__)

const char *const sla_probe_names[] = {
	[SLA_PROBE_STARTUP] = "startup",
	[SLA_PROBE_READINESS] = "readiness",
	[SLA_PROBE_LIVENESS] = "liveness",
};
static_assert(ARRAY_LEN(sla_probe_names) == SLA_PROBE_N, "a name per kind");

#define STRUCT sla_probe_http
static const struct field http_fields[] = {
	S(port, "port", F_U32, .min = 1, .max = PORT_MAX, .flags = F_REQUIRED,
	  .help = "of the instance itself, not of the host"),
	S(path, "path", F_STR, .max = PATH_LEN_MAX, .flags = F_OMIT_EMPTY,
	  .help = "with its query; without it `/`"),
	S(scheme, "scheme", F_STR, .max = 16, .flags = F_OMIT_EMPTY, .help = "`http`"),
	S(host, "host", F_STR, .max = HOST_LEN_MAX, .flags = F_OMIT_EMPTY,
	  .help = "for the Host header; without it address and port"),
	S(headers, "headers", F_STRV, .max = HEADERS_MAX, .flags = F_OMIT_EMPTY,
	  .help = "`NAME: VALUE` each"),
};
#undef STRUCT
static FIELD_TABLE(http_table, struct sla_probe_http, "http probe", http_fields);

#define STRUCT sla_probe_tcp
static const struct field tcp_fields[] = {
	S(port, "port", F_U32, .min = 1, .max = PORT_MAX, .flags = F_REQUIRED,
	  .help = "of the instance itself, not of the host"),
};
#undef STRUCT
static FIELD_TABLE(tcp_table, struct sla_probe_tcp, "tcp probe", tcp_fields);

#define STRUCT sla_probe
static const struct field probe_fields[] = {
	S(http, "http", F_OBJECT, .table = &http_table, .flags = F_OMIT_EMPTY,
	  .help = "good if GET answers with a status 200 to 399"),
	S(tcp, "tcp", F_OBJECT, .table = &tcp_table, .flags = F_OMIT_EMPTY,
	  .help = "good if a connection is taken"),
	S(exec, "exec", F_STRV, .max = WORDS_MAX, .flags = F_OMIT_EMPTY,
	  .help = "good if this command, run in the container, ends with exit code 0 (at most 60 s)"),
	S(period_s, "period_s", F_DOUBLE, .flags = F_OMIT_EMPTY,
	  .help = "seconds between two tries; without it 10. Until it passes for the first time it is "
		  "tried sooner"),
	S(timeout_s, "timeout_s", F_DOUBLE, .flags = F_OMIT_EMPTY,
	  .help = "seconds until a try without answer has failed; without it 1"),
	S(success_threshold, "success_threshold", F_U32, .max = THRESHOLD_MAX,
	  .flags = F_OMIT_EMPTY,
	  .help = "successes in a row until it passes; without it 1. More only for `readiness`"),
	S(failure_threshold, "failure_threshold", F_U32, .max = THRESHOLD_MAX,
	  .flags = F_OMIT_EMPTY,
	  .help = "failures in a row until it fails; without it 3. Before it has passed for the first "
		  "time one per period is counted"),
	S(start_period_s, "start_period_s", F_DOUBLE, .flags = F_OMIT_EMPTY,
	  .help = "seconds from the start in which failures do not count until it has passed once"),
};
#undef STRUCT
FIELD_TABLE(sla_probe_table, struct sla_probe, "probe", probe_fields);

static uint64_t ms_of(double seconds, double otherwise)
{
	return (uint64_t)((seconds > 0 ? seconds : otherwise) * 1000);
}

uint64_t sla_probe_period_ms(const struct sla_probe *probe)
{
	return ms_of(probe->period_s, PERIOD_DEFAULT_S);
}

uint64_t sla_probe_timeout_ms(const struct sla_probe *probe)
{
	return ms_of(probe->timeout_s, TIMEOUT_DEFAULT_S);
}

static bool wrong(struct sla_probe_problem *ret, const char *field, const char *expected,
		  const char *value)
{
	ret->field = field;
	ret->expected = expected;
	STR_COPY(ret->value, value ? value : "");
	return true;
}

static bool number_is_wrong(struct sla_probe_problem *ret, const char *field, double value)
{
	char text[32];

	/* Written so that what is no number is wrong too. */
	if (value == 0 || (value >= SHORTEST_S && value <= LONGEST_S))
		return false;
	snprintf(text, sizeof(text), "%g", value);
	return wrong(ret, field, "0.1 to 86400 seconds", text);
}

/* Bytes that may stand in the line of a request without ending it or a word of it. */
static bool is_plain(const char *s, bool may_have_blanks)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f || (*s == ' ' && !may_have_blanks))
			return false;
	return true;
}

/* RFC 9110, section 5: a token, a colon, a value. */
static bool is_header(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			     "!#$%&'*+-.^_`|~");

	return n && s[n] == ':' && strlen(s) <= HEADER_MAX && is_plain(s, true);
}

static bool http_is_wrong(const struct sla_probe_http *http, struct sla_probe_problem *ret)
{
	if (http->path && (*http->path != '/' || !is_plain(http->path, false)))
		return wrong(ret, "http.path", "a path from / on, without blanks", http->path);
	if (http->scheme && !str_eq(http->scheme, "http"))
		return wrong(ret, "http.scheme", "http, the only one that is probed by",
			     http->scheme);
	if (http->host && !is_plain(http->host, false))
		return wrong(ret, "http.host", "a name without blanks", http->host);
	for (size_t i = 0; i < http->headers.n; i++)
		if (!is_header(http->headers.items[i]))
			return wrong(ret, "http.headers", "NAME: VALUE", http->headers.items[i]);
	return false;
}

static bool threshold_is_wrong(const struct sla_probe *probe, enum sla_probe_kind kind,
			       struct sla_probe_problem *ret)
{
	char text[16];

	if (kind == SLA_PROBE_READINESS || probe->success_threshold <= 1)
		return false;
	snprintf(text, sizeof(text), "%u", probe->success_threshold);
	return wrong(ret, "success_threshold", "1, since only readiness comes back", text);
}

static bool exec_is_wrong(const struct sla_probe *probe, bool is_unikernel,
			  struct sla_probe_problem *ret)
{
	if (!probe->exec.n)
		return false;
	if (is_unikernel)
		return wrong(ret, "exec", "http or tcp, since no command can be run in a unikernel",
			     probe->exec.items[0]);
	if (!*probe->exec.items[0])
		return wrong(ret, "exec", "a command", "");
	if (probe->timeout_s > EXEC_MAX_S)
		return wrong(ret, "timeout_s", "at most 60 seconds for a command", "more");
	return false;
}

bool sla_probe_is_wrong(const struct sla_probe *probe, enum sla_probe_kind kind, bool is_unikernel,
			struct sla_probe_problem *ret)
{
	unsigned n = (probe->http.port != 0) + (probe->tcp.port != 0) + (probe->exec.n != 0);

	if (n != 1)
		return wrong(ret, "", "exactly one of http, tcp and exec", n ? "more" : "none");
	return exec_is_wrong(probe, is_unikernel, ret) || http_is_wrong(&probe->http, ret) ||
	       number_is_wrong(ret, "period_s", probe->period_s) ||
	       number_is_wrong(ret, "timeout_s", probe->timeout_s) ||
	       number_is_wrong(ret, "start_period_s", probe->start_period_s) ||
	       threshold_is_wrong(probe, kind, ret);
}
