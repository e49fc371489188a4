/* Printing what a request does. */
#ifndef HOLM_CLI_PLAN_H
#define HOLM_CLI_PLAN_H

#include "cli/cli.h"
#include "model/view.h"

/* Changes to call->out, warnings to call->err. */
void plan_print(const struct cli_call *call, const struct plan_view *plan);
bool plan_has_changes(const struct plan_view *plan);

#endif
