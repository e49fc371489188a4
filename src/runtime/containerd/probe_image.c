/* A static program as an ELF file, in a tar archive, in an OCI image, all of it in memory. */
#include <elf.h>
#include <sys/stat.h>

#include "base/base.h"
#include "json/json.h"
#include "runtime/containerd/probe_image.h"
#include "wire/digest/digest.h"

#define TAR_BLOCK 512
#define TAR_SIZE  (TAR_BLOCK * 4) /* header, program, two blocks of zeros */
#define LOAD_AT   0x400000
#define TEXT_MAX  4096

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#define ARCH    "amd64"
/* mov edi, 42; mov eax, 60 (exit); syscall */
static const uint8_t code[] = { 0xbf, PROBE_EXIT_CODE, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05 };
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#define ARCH    "arm64"
/* mov x0, #42; mov x8, #93 (exit); svc #0 */
static const uint8_t code[] = { 0x40, 0x05, 0x80, 0xd2, 0xa8, 0x0b,
				0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4 };
#else
#define MACHINE EM_NONE
#define ARCH    ""
static const uint8_t code[] = { 0 };
#endif

struct program {
	Elf64_Ehdr file;
	Elf64_Phdr segment;
	uint8_t code[sizeof(code)];
};
static_assert(sizeof(struct program) <= TAR_BLOCK, "the program is one block of the archive");

/* POSIX.1-1988 "ustar" (pax(1)). */
struct tar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[8];
	char rest[247];
};
static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is one block");

struct blobs {
	char layer[TAR_SIZE];
	char *config;
};

static void build_program(struct program *p)
{
	*p = (struct program){
		.file = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				       EV_CURRENT },
			  .e_type = ET_EXEC,
			  .e_machine = MACHINE,
			  .e_version = EV_CURRENT,
			  .e_entry = LOAD_AT + offsetof(struct program, code),
			  .e_phoff = offsetof(struct program, segment),
			  .e_ehsize = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 1 },
		.segment = { .p_type = PT_LOAD,
			     .p_flags = PF_R | PF_X,
			     .p_vaddr = LOAD_AT,
			     .p_paddr = LOAD_AT,
			     .p_filesz = sizeof(struct program),
			     .p_memsz = sizeof(struct program),
			     .p_align = 0x1000 },
	};
	memcpy(p->code, code, sizeof(code));
}

static void build_layer(char out[TAR_SIZE])
{
	struct tar_header h = { .name = "probe",
				.mode = "0000755",
				.uid = "0000000",
				.gid = "0000000",
				.mtime = "00000000000",
				.type = '0' };
	unsigned sum = 0;

	memset(h.checksum, ' ', sizeof(h.checksum));
	memcpy(h.magic, "ustar\00000", sizeof(h.magic));
	snprintf(h.size, sizeof(h.size), "%011zo", sizeof(struct program));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const uint8_t *)&h)[i];
	snprintf(h.checksum, sizeof(h.checksum), "%06o", sum);
	memset(out, 0, TAR_SIZE);
	memcpy(out, &h, sizeof(h));
	build_program((struct program *)(void *)(out + TAR_BLOCK));
}

static char *finish(struct json_out *out)
{
	char *text = NULL;
	struct err err;

	json_out_object_end(out);
	int r = json_out_finish(out, &text, &err);
	assert(r == 0);
	return text;
}

static char *build_config(const char *diff_id)
{
	auto_json_out struct json_out out;

	json_out_init(&out, TEXT_MAX);
	json_out_object(&out, NULL);
	json_out_str(&out, "architecture", ARCH);
	json_out_str(&out, "os", "linux");
	json_out_object(&out, "config");
	json_out_array(&out, "Entrypoint");
	json_out_str(&out, NULL, "/probe");
	json_out_array_end(&out);
	json_out_object_end(&out);
	json_out_object(&out, "rootfs");
	json_out_str(&out, "type", "layers");
	json_out_array(&out, "diff_ids");
	json_out_str(&out, NULL, diff_id);
	json_out_array_end(&out);
	json_out_object_end(&out);
	return finish(&out);
}

static void put_descriptor(struct json_out *out, const char *key, const struct image_descriptor *d)
{
	json_out_object(out, key);
	json_out_str(out, "mediaType", d->media_type);
	json_out_str(out, "digest", d->digest);
	json_out_int(out, "size", (int64_t)d->size);
	json_out_object_end(out);
}

static char *build_manifest(const struct image_source *source)
{
	auto_json_out struct json_out out;

	json_out_init(&out, TEXT_MAX);
	json_out_object(&out, NULL);
	json_out_int(&out, "schemaVersion", 2);
	json_out_str(&out, "mediaType", source->manifest.media_type);
	put_descriptor(&out, "config", &source->config);
	json_out_array(&out, "layers");
	put_descriptor(&out, NULL, &source->layers[0]);
	json_out_array_end(&out);
	return finish(&out);
}

static void describe(struct image_descriptor *d, const char *kind, const void *data, size_t len)
{
	snprintf(d->media_type, sizeof(d->media_type), "application/vnd.oci.image.%s", kind);
	digest_of(data, len, d->digest);
	d->size = len;
}

static int read_blob(struct image_source *source, const struct image_descriptor *blob,
		     const struct image_sink *sink, const struct cancel *cancel, struct err *err)
{
	struct blobs *blobs = source->state;
	bool is_config = str_eq(blob->digest, source->config.digest);
	const char *data = is_config ? blobs->config : blobs->layer;

	return sink->write(sink->arg, data, (size_t)blob->size, err);
}

struct image_source *probe_image_new(void)
{
	struct image_source *source = NEW(struct image_source);
	struct blobs *blobs = NEW(struct blobs);

	if (MACHINE == EM_NONE) {
		free(blobs);
		free(source);
		return NULL;
	}
	source->name = xstrdup(PROBE_IMAGE_NAME);
	source->state = blobs;
	source->read = read_blob;
	source->n_layers = 1;
	source->layers = NEW(struct image_descriptor);
	build_layer(blobs->layer);
	describe(&source->layers[0], "layer.v1.tar", blobs->layer, TAR_SIZE);
	blobs->config = build_config(source->layers[0].digest);
	describe(&source->config, "config.v1+json", blobs->config, strlen(blobs->config));
	describe(&source->manifest, "manifest.v1+json", "", 0);
	source->manifest_text = build_manifest(source);
	describe(&source->manifest, "manifest.v1+json", source->manifest_text,
		 strlen(source->manifest_text));
	return source;
}

struct image_source *probe_image_free(struct image_source *source)
{
	struct blobs *blobs = source ? source->state : NULL;

	if (!source)
		return NULL;
	free(blobs->config);
	free(blobs);
	free(source->layers);
	free(source->manifest_text);
	free(source->name);
	free(source);
	return NULL;
}
