/* Signals by name and number. */
#ifndef HOLM_BASE_SIGNALS_H
#define HOLM_BASE_SIGNALS_H

/* "SIGTERM", "TERM", "15", "SIGRTMIN+3" → its number; -EINVAL. */
int signal_parse(const char *text, int *ret);
/* "SIGKILL", or NULL for a number without a name here. */
const char *signal_name(int sig);

#endif
