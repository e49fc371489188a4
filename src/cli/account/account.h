/* Commands about accounts: "user …", "org …", "token …" and "audit". */
#ifndef HOLM_CLI_ACCOUNT_ACCOUNT_H
#define HOLM_CLI_ACCOUNT_ACCOUNT_H

#include "cli/cli.h"

#define ORG_COMMANDS_N   5
#define USER_COMMANDS_N  4
#define TOKEN_COMMANDS_N 4
extern const struct cli_command org_commands[ORG_COMMANDS_N];
extern const struct cli_command user_commands[USER_COMMANDS_N];
extern const struct cli_command token_commands[TOKEN_COMMANDS_N];

int run_audit(const struct cli_call *call);

#endif
