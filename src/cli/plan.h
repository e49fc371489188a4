/* Printing what a request does. */
#ifndef HOLM_CLI_PLAN_H
#define HOLM_CLI_PLAN_H

#include "cli/cli.h"
#include "model/view.h"

/* Changes to call->out, warnings to call->err. */
void plan_print(const struct cli_call *call, const struct plan_view *plan);
struct question;
/* Asks what changes something, and prints the plan that is the answer. Exit code. */
int plan_ask(const struct cli_call *call, const struct question *question);
bool plan_has_changes(const struct plan_view *plan);

#endif
