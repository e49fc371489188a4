/* Text to descriptor: read the fields, fill in what is implied, check. */
#include "base/base.h"
#include "model/sla.h"
#include "model/sla/sla_check.h"
#include "model/value.h"

/* Forms in use write "" for what is not wanted. */
static void drop_empty_texts(const struct field_table *table, void *object);

static void drop_in_array(const struct field *field, void *object)
{
	char *elements = *(char **)(void *)((char *)object + field->offset);
	size_t n = *(size_t *)(void *)((char *)object + field->count_offset);

	for (size_t i = 0; i < n; i++)
		drop_empty_texts(field->table, elements + i * field->size);
}

static void drop_empty_texts(const struct field_table *table, void *object)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct field *field = &table->fields[i];
		char **text = (char **)(void *)((char *)object + field->offset);

		if (field->type == F_OBJECT)
			drop_empty_texts(field->table, text);
		if (field->type == F_ARRAY)
			drop_in_array(field, object);
		if (field->type != F_STR || field->flags & F_REQUIRED || !*text || **text)
			continue;
		free(*text);
		*text = NULL;
	}
}

static void spec_complete(struct service_spec *spec)
{
	if (str_eq(spec->virtualization, "container")) {
		free(spec->virtualization);
		spec->virtualization = xstrdup("docker");
	}
	/* Published examples write [""] for no arguments. */
	if (spec->cmd.n == 1 && str_is_empty(spec->cmd.items[0]))
		strv_fini(&spec->cmd);
	value_refs_complete(spec);
}

static void complete(struct sla *sla)
{
	drop_empty_texts(&sla_table, sla);
	for (size_t i = 0; i < sla->n_apps; i++)
		for (size_t j = 0; j < sla->apps[i].n_services; j++)
			spec_complete(&sla->apps[i].services[j]);
}

static int parse(const char *text, size_t len, struct sla *ret, struct strv *warnings,
		 struct err *err)
{
	auto_(json_free) struct json *root = NULL;

	if (len > SLA_TEXT_MAX)
		return err_set(err, -E2BIG, "descriptor of %zu bytes: at most %u are read", len,
			       SLA_TEXT_MAX);
	int r = json_parse_tolerant(text, len, &root, warnings, err);
	if (r < 0)
		return r;
	r = fields_parse_tolerant(&sla_table, root, ret, warnings, err);
	if (r < 0)
		return r;
	complete(ret);
	r = sla_check(ret, warnings, err);
	if (r < 0)
		sla_fini(ret);
	return r;
}

int sla_parse(const char *text, size_t len, struct sla *ret, struct strv *warnings, struct err *err)
{
	auto_strv struct strv unread = { 0 };
	struct sla sla = { 0 };
	int r = parse(text, len, &sla, warnings ? warnings : &unread, err);

	if (r == 0)
		*ret = sla;
	return r;
}

void sla_fini(struct sla *sla)
{
	fields_fini(&sla_table, sla);
}
