/* What the places that images come from have in common: each gives text and blobs by digest,
 * unverified; source.c checks and chooses. */
#ifndef HOLM_IMAGE_PRIVATE_H
#define HOLM_IMAGE_PRIVATE_H

#include "image/image.h"
#include "json/json.h"

#define MANIFEST_MAX (4u << 20)
#define LAYERS_MAX   256
#define INDEX_MAX    1000 /* of an index */
#define URLS_MAX     8    /* of a layer */

/* An index or manifest. */
struct image_text {
	char *text;
	char *media_type;         /* "" if unknown */
	char digest[DIGEST_SIZE]; /* that the text must have, "" if nobody says */
};

struct image_place {
	/* The index or manifest that the reference names; fills a zeroed struct, whose strings are the
	 * caller's in any case. */
	int (*root)(struct image_place *place, struct image_text *ret, struct err *err);
	/* A manifest by digest, at most MANIFEST_MAX bytes. */
	int (*manifest)(struct image_place *place, const char *digest, char **ret, struct err *err);
	/* From sink->have on. 1: all of it came, but some of it from a place that may be replaced. */
	int (*blob)(struct image_place *place, const struct image_descriptor *blob,
		    const struct image_sink *sink, const struct cancel *cancel, struct err *err);
	/* What came was wrong: such places are not asked any more. With 1 as answer only. */
	void (*distrust)(struct image_place *place);
	/* Optional: layers may be had from URLs that the manifest names. */
	bool (*allows_urls)(struct image_place *place);
	void (*close)(struct image_place *place);
};

int place_layout_open(const struct image_config *config, const struct image_ref *ref,
		      struct image_place **ret, struct err *err);
int place_archive_open(const struct image_config *config, const struct image_ref *ref,
		       struct image_place **ret, struct err *err);
int place_registry_open(const struct image_config *config, const struct image_ref *ref,
			const struct cancel *cancel, struct image_place **ret, struct err *err);

/* manifest.c: pure */
/* Text to JSON; -EBADMSG if it is none, or not what `digest` (may be NULL) says. */
int manifest_read(const char *text, const char *digest, struct json **ret, struct err *err);
struct image_manifest {
	struct image_descriptor config;
	struct image_descriptor *layers;
	struct strv *urls; /* per layer: where else it may be had */
	size_t n_layers;
};
void image_manifest_fini(struct image_manifest *manifest);
bool manifest_is_index(const char *media_type, const struct json *json);
/* The entry that fits the platform best, see platform.c: -ENOTSUP names what there is, and what to
 * change if it is of the other kind. 1: the entry says nothing of its platform. */
int manifest_pick(const struct json *index, const char *platform, struct image_descriptor *ret,
		  struct err *err);
/* The entry of a layout's index.json whose ref.name annotation is `name`; NULL: the only one. */
int manifest_pick_named(const struct json *index, const char *name, struct image_descriptor *ret,
			struct err *err);
/* The same for an image that no index leads to, by its configuration. */
int manifest_check_platform(const struct json *config, const char *platform, struct err *err);
/* -ENOTSUP for a unikernel of Unikraft's tools, by its annotations, where a container is wanted. */
int manifest_check_kind(const struct json *json, const char *platform, struct err *err);
int manifest_parse(const struct json *json, struct image_manifest *ret, struct err *err);

/* registry/foreign.c: a layer from one of the URLs that its manifest names. */
int foreign_read(const struct strv *urls, const struct image_descriptor *blob,
		 const struct image_sink *sink, const struct cancel *cancel, struct err *err);

/* registry/push.c: what the tag leads to by now, NULL unless that is an index. */
int registry_read_index(const struct image_config *config, const struct image_ref *ref,
			const struct cancel *cancel, struct json **ret, struct err *err);
/* What the registry has not got of the blobs, and both texts, the index under the tag. */
struct image_blob {
	struct image_descriptor descriptor;
	int fd; /* of a file that holds it; -1: none */
};
struct image_upload {
	const struct image_blob *blobs[4];
	size_t n_blobs;
	const struct image_descriptor *manifest;
	const char *manifest_text;
	const struct image_descriptor *index;
	const char *index_text;
};
int registry_push(const struct image_config *config, const struct image_ref *ref,
		  const struct image_upload *upload, const struct cancel *cancel, struct err *err);

/* platform.c: pure but for platform_here() */
/* "linux/arm64/v8" taken apart and written in one way: no variant is "" where that is the oldest or
 * only one. */
struct platform {
	char os[32];
	char arch[32];
	char variant[32];
};
/* False if it is not of that form, or too long. */
bool platform_parse(const char *text, struct platform *ret);
void platform_normalize(struct platform *p);
/* For a virtual machine: qemu, fc (Firecracker), xen, … */
bool platform_is_unikernel(const struct platform *p);
/* How well `have` serves who wants `want`: 0 not at all, more is better. */
unsigned platform_score(const struct platform *want, const struct platform *have);
/* This machine's, with the newest variant that its processor runs. */
const char *platform_here(void);

/* archive.c */
struct archive;
/* Tar files, compressed by what the library does itself: its other filters run programs. */
void archive_support(struct archive *a);

/* unpack.c */
/* What may come out, of several archives together. */
struct unpack_budget {
	uint64_t max;
	uint64_t left; /* bytes, of `max` at first */
	unsigned n_entries;
};
#define UNPACK_ENTRIES_MAX 100000

struct unpack {
	const char *name; /* of the archive, for messages */
	const char *file;
	const char *dir; /* exists, is empty and real: no link on the way to it */
	struct unpack_budget *budget;
	const struct cancel *cancel;
};
/* Files and folders with plain permissions; stage_keep() makes them durable. -EBADMSG: no archive, or an
 * entry that leads out or is of another kind; -E2BIG. */
int unpack_archive(const struct unpack *u, struct err *err);

/* layout.c: shared by folder and archive */
int layout_root(const char *index_text, const char *name, struct image_descriptor *ret,
		struct err *err);
/* "blobs/sha256/…"; the caller's. */
char *layout_blob_path(const char *digest);
/* Opens a regular file whose real place is below `root`, and nothing that could block. */
int layout_open_file(const char *root, const char *path, struct err *err);
/* The path's real place must be below the root of local images. */
int layout_check_path(const struct image_config *config, const char *path, char **ret_real,
		      struct err *err);

#endif
