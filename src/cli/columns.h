/* What `holm get` shows of each kind of object. */
#ifndef HOLM_CLI_COLUMNS_H
#define HOLM_CLI_COLUMNS_H

#include "cli/cli.h"
#include "cli/table.h"
#include "model/stats_view.h"
#include "model/view.h"

struct column {
	const char *title;
	bool is_wide;     /* with -o wide alone */
	bool is_optional; /* left out while it is empty everywhere */
	/* Adds the cell's text; now_ms is unix time. */
	void (*text)(const void *view, uint64_t now_ms, struct buf *out);
	enum style (*style)(const void *view); /* NULL: plain */
};

struct listing {
	const char *name; /* "instances", the word and the path */
	const struct field_table *table;
	bool has_app; /* ?app= is known */
	const struct column *columns;
	size_t n_columns;
};

/* NULL if there is none of that name; a missing s is forgiven. */
const struct listing *listing_find(const char *name);
/* NULL behind the last. */
const struct listing *listing_at(size_t index);

/* Parses an array of the listing's objects and prints it as a table. */
struct listing_output {
	bool is_wide;
	bool is_colored;
	uint64_t now_ms; /* unix time */
	FILE *out;
};
int listing_print(const struct listing *listing, const char *json,
		  const struct listing_output *output, struct err *err);

/* Asks for the path and prints what comes as the command's option "output" says. Exit code. */
int listing_fetch(const struct cli_call *call, const struct listing *listing, const char *path);
/* By the option --output: table, wide, json or NULL. Exit codes. */
int listing_check_format(const struct cli_call *call, const char *format);
int listing_show(const struct cli_call *call, const struct listing *listing, const char *format,
		 const char *json);

/* "45s", "12m", "3h", "4d" since a time. */
void age_add(struct buf *out, const char *rfc3339, uint64_t now_ms);

extern const struct listing image_listing; /* of a node, not of `holm get` */

#endif
