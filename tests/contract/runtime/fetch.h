/* Fetching images into containerd when the source fails in the ways a source can. */
#ifndef HOLM_TESTS_CONTRACT_RUNTIME_FETCH_H
#define HOLM_TESTS_CONTRACT_RUNTIME_FETCH_H

#include "suite.h"

/* Tags of the layout that these tests need, each with a layer of its own of some megabytes. */
#define FETCH_TAGS 5

/* Test functions; the layout is in config.data_dir/layout. */
void fetch_continues_after_a_break(void **state);
void fetch_refuses_damaged_blobs(void **state);
void fetch_refuses_another_content(void **state);
void fetch_can_be_cancelled(void **state);
void fetch_serves_several_threads(void **state);

#endif
