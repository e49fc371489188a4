/* `holm-helper logger MAX:PATH`: the other end of a container's stdout and stderr.
 *
 * The shim starts it (stdio URI "binary:///…/holm-helper?logger=MAX:PATH") with the read ends as
 * descriptors 3 and 4, and waits until 5 is closed. It ends when both streams have. With another word,
 * "again", it takes the place of one that was killed, and says so in the log. With the word "attach"
 * they are FIFOs, and 5 is a listening socket for those who attach (helper/audience.h). */
#ifndef HOLM_HELPER_LOGGER_H
#define HOLM_HELPER_LOGGER_H

#include <stdbool.h>

/* Exit code of the process. */
int logger_main(const char *target, bool is_again, bool is_attachable);

#endif
