/* Holm's probes of a microservice: whether it has started, is ready for requests, is alive. */
#ifndef HOLM_MODEL_SLA_PROBE_H
#define HOLM_MODEL_SLA_PROBE_H

#include "json/json.h"

struct sla_probe_http {
	uint32_t port;
	char *path;          /* NULL: / */
	char *scheme;        /* NULL or http */
	char *host;          /* of the Host header, NULL: address and port */
	struct strv headers; /* "Name: value" */
};

struct sla_probe_tcp {
	uint32_t port;
};

/* Exactly one of http, tcp (by their ports) and exec is there. Zero stands for a default. */
struct sla_probe {
	bool is_given;
	struct sla_probe_http http;
	struct sla_probe_tcp tcp;
	struct strv exec;
	double period_s;
	double timeout_s;
	uint32_t success_threshold;
	uint32_t failure_threshold;
	double start_period_s;
};

enum sla_probe_kind {
	SLA_PROBE_STARTUP,   /* the others wait until it has passed */
	SLA_PROBE_READINESS, /* gets requests or not */
	SLA_PROBE_LIVENESS,  /* is stopped and started again, or not */
	SLA_PROBE_N
};
extern const char *const sla_probe_names[]; /* "startup", … */
extern const struct field_table sla_probe_table;

/* With the defaults. */
uint64_t sla_probe_period_ms(const struct sla_probe *probe);
uint64_t sla_probe_timeout_ms(const struct sla_probe *probe);

/* What is wrong with a given one. */
struct sla_probe_problem {
	const char *field; /* below the probe, "" for itself */
	const char *expected;
	char value[128];
};
bool sla_probe_is_wrong(const struct sla_probe *probe, enum sla_probe_kind kind, bool is_unikernel,
			struct sla_probe_problem *ret);

#endif
