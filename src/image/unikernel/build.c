/* Packing a unikernel, and an image layout as one of the places where it can go. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "image/unikernel/package.h"

#define LAYOUT_VERSION "{\"imageLayoutVersion\":\"1.0.0\"}"
#define REF_NAME       "org.opencontainers.image.ref.name"

static int store_text(const char *dir, const struct image_descriptor *d, const char *text,
		      struct err *err)
{
	auto_free char *name = layout_blob_path(d->digest);
	auto_free char *path = path_join(dir, name);

	return file_write_atomic(path, text, strlen(text), 0644, err);
}

static int store_blob(const char *dir, const struct image_blob *blob, struct err *err)
{
	auto_free char *name = layout_blob_path(blob->descriptor.digest);
	auto_free char *path = path_join(dir, name);
	void *data = mmap(NULL, blob->descriptor.size, PROT_READ, MAP_SHARED, blob->fd, 0);

	if (data == MAP_FAILED)
		return err_errno(err, "map a blob");
	int r = file_write_atomic(path, data, blob->descriptor.size, 0644, err);
	munmap(data, blob->descriptor.size);
	return r;
}

/* A layout of this one image; another one's index is not ours to change. */
static int check_folder(const char *dir, const char *name, struct err *err)
{
	auto_free char *path = path_join(dir, "index.json");
	auto_(json_free) struct json *json = NULL;
	auto_free char *text = NULL;

	if (!path_exists(path))
		return 0;
	int r = file_read(path, MANIFEST_MAX, &text, NULL, err);
	if (r == 0)
		r = json_parse(text, strlen(text), &json, err);
	if (r < 0)
		return err_wrap(err, "%s", path);
	const struct json *entries = json_get(json, "manifests");
	for (size_t i = 0; i < json_count(entries); i++)
		if (!str_eq(json_get_str(json_get(json_at(entries, i), "annotations"), REF_NAME),
			    name))
			return err_set(err, -EEXIST, "%s holds another image: name another folder",
				       dir);
	return 0;
}

static int store_root(const char *dir, const char *name, const struct package *package,
		      struct err *err)
{
	auto_free char *version = path_join(dir, "oci-layout");
	auto_free char *index = path_join(dir, "index.json");
	auto_json_out struct json_out out = { 0 };
	auto_free char *text = NULL;

	json_out_init(&out, MANIFEST_MAX);
	json_out_object(&out, NULL);
	json_out_int(&out, "schemaVersion", 2);
	json_out_array(&out, "manifests");
	json_out_object(&out, NULL);
	json_out_str(&out, "mediaType", package->index.media_type);
	json_out_str(&out, "digest", package->index.digest);
	json_out_int(&out, "size", (int64_t)package->index.size);
	json_out_object(&out, "annotations");
	json_out_str(&out, REF_NAME, name);
	json_out_object_end(&out);
	json_out_object_end(&out);
	json_out_array_end(&out);
	json_out_object_end(&out);
	int r = json_out_finish(&out, &text, err);
	if (r == 0)
		r = file_write_atomic(version, LAYOUT_VERSION, strlen(LAYOUT_VERSION), 0644, err);
	return r < 0 ? r : file_write_atomic(index, text, strlen(text), 0644, err);
}

static int store(const struct image_ref *ref, struct package *package, struct err *err)
{
	const char *name = ref->tag ? ref->tag : "latest";
	const char *dir = ref->repository;
	auto_free char *blobs = path_join(dir, "blobs/sha256");
	int r = check_folder(dir, name, err);

	if (r == 0)
		r = package_index(package, NULL, err);
	if (r == 0)
		r = dir_make(blobs, 0755, err);
	for (size_t i = 0; r == 0 && i < package->n_layers; i++)
		r = store_blob(dir, &package->layers[i], err);
	if (r == 0)
		r = store_blob(dir, &package->config, err);
	if (r == 0)
		r = store_text(dir, &package->manifest, package->manifest_text, err);
	if (r == 0)
		r = store_text(dir, &package->index, package->index_text, err);
	return r < 0 ? r : store_root(dir, name, package, err);
}

static int push(const struct image_config *config, const struct image_ref *ref,
		struct package *package, const struct cancel *cancel, struct err *err)
{
	auto_(json_free) struct json *earlier = NULL;
	struct image_upload upload = { 0 };
	int r = registry_read_index(config, ref, cancel, &earlier, err);

	if (r == 0)
		r = package_index(package, earlier, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < package->n_layers; i++)
		upload.blobs[upload.n_blobs++] = &package->layers[i];
	upload.blobs[upload.n_blobs++] = &package->config;
	upload.manifest = &package->manifest;
	upload.manifest_text = package->manifest_text;
	upload.index = &package->index;
	upload.index_text = package->index_text;
	return registry_push(config, ref, &upload, cancel, err);
}

static int send(const struct image_config *config, const struct image_ref *ref,
		struct package *package, const struct cancel *cancel, struct err *err)
{
	switch (ref->form) {
	case IMAGE_OCI_LAYOUT:
		return store(ref, package, err);
	case IMAGE_OCI_ARCHIVE:
		return err_set(err, -EINVAL, "an oci-archive is not written: oci:/PATH is");
	case IMAGE_REGISTRY:
		break;
	}
	if (ref->digest)
		return err_set(err, -EINVAL, "what is packed has its own digest: name a tag");
	return push(config, ref, package, cancel, err);
}

static void tell(const struct package *package, struct unikernel_built *ret)
{
	struct platform p = { .os = "qemu" };

	*ret = (struct unikernel_built){ 0 };
	STR_COPY(p.arch, package->arch);
	platform_normalize(&p);
	snprintf(ret->platform, sizeof(ret->platform), "%s/%s", p.os, p.arch);
	STR_COPY(ret->index, package->index.digest);
	STR_COPY(ret->manifest, package->manifest.digest);
	for (size_t i = 0; i < package->n_layers; i++)
		ret->bytes += package->layers[i].descriptor.size;
}

int image_unikernel_build(const struct image_config *config, const struct unikernel_build *build,
			  const struct cancel *cancel, struct unikernel_built *ret, struct err *err)
{
	struct image_ref ref = { 0 };
	struct package package;
	int r = image_ref_parse(build->ref, &ref, err);

	if (r < 0)
		return r;
	r = package_build(build, &package, err);
	if (r == 0) {
		r = send(config, &ref, &package, cancel, err);
		if (r == 0)
			tell(&package, ret);
		package_fini(&package);
	}
	image_ref_fini(&ref);
	return r < 0 ? err_wrap(err, "build %s", build->ref) : 0;
}
