/* A data folder of its own for each test, and volumes that can be closed and opened again. */
#ifndef HOLM_TESTS_VOLUME_KIT_H
#define HOLM_TESTS_VOLUME_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "volume/volume.h"

#define ID_1 "111111111111111111111111"
#define ID_2 "222222222222222222222222"

struct kit {
	char dir[64];
	char *root; /* of host paths: dir/root */
	struct volume_config config;
	struct volumes *volumes;
	unsigned n_steps;  /* that were taken */
	unsigned crash_at; /* the step that is not, from 1; 0: none */
	struct err err;    /* of the last call */
};

int kit_setup(void **state);
int kit_teardown(void **state);
#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

/* As a process that ended does: only the disk and the mounts are left. */
void kit_reopen(struct kit *kit);
/* The same after a reboot: the record is of another boot. */
void kit_reboot(struct kit *kit);

/* The result; on success `ret`, if not NULL, is the caller's. */
int kit_prepare(struct kit *kit, const char *id, const struct sla_volume *volumes, size_t n,
		struct volume_mounts *ret);
int kit_release(struct kit *kit, const char *id);
/* Files and folders below dir/NAME, all of them. */
size_t kit_count(const struct kit *kit, const char *name);
/* Mounts below the data folder. */
size_t kit_mounts(const struct kit *kit);
/* Those, and all that is kept of instances. */
size_t kit_left(const struct kit *kit);
bool kit_has(const char *dir, const char *name);
void kit_put(const char *dir, const char *name);

#endif
