/* Images as a runtime stores them: listed, kept while something uses them, removed. */
#ifndef HOLM_TESTS_CONTRACT_RUNTIME_IMAGES_H
#define HOLM_TESTS_CONTRACT_RUNTIME_IMAGES_H

#include "fetch.h"

/* Tags of the layout behind those of fetch.h, each with a layer of 5 MiB of its own. */
#define IMAGES_TAGS 2

void images_are_listed(void **state);
void images_keep_what_runs(void **state);
void images_share_content(void **state);
void images_keep_earlier_ones(void **state);
void images_belong_to_nodes(void **state);
void images_note_their_use(void **state);

#endif
