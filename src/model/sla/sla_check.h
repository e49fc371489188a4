/* What one descriptor shows by itself, after its fields have been read. */
#ifndef HOLM_MODEL_SLA_SLA_CHECK_H
#define HOLM_MODEL_SLA_SLA_CHECK_H

#include "model/sla.h"

/* -EINVAL with path, expectation and value. Warnings tell what is stored but has no effect. */
int sla_check(const struct sla *sla, struct strv *warnings, struct err *err);

#endif
