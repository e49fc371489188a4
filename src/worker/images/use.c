/* An image is kept for an instance
 *  - by name, while a spec of it names the image: that is what a start, or a start anew, looks for;
 *  - by digest, if its name has moved on: an earlier image, or a folder that no URL leads to. */
#include "model/code.h"
#include "worker/images/use.h"

char *image_name_of(const char *ref)
{
	struct image_ref parsed;
	struct err ignored;

	if (!code_is_image(ref) || image_ref_parse(ref, &parsed, &ignored) < 0)
		return xstrdup(ref);
	char *name = image_ref_format(&parsed);
	image_ref_fini(&parsed);
	return name;
}

static void add(struct image_uses *uses, const struct winst *inst, const struct msg_deploy *deploy,
		const char *digest)
{
	if (!deploy->generation)
		return;
	auto_free char *ref = spec_code_on(&deploy->spec, inst->worker->config.arch);
	if (!ref)
		return;
	*ARRAY_ADD(uses->items, uses->n) = (struct image_use){ inst, image_name_of(ref), digest };
}

/* What runs has the digest it was started with; what is to start, the one that was had. */
static void add_instance(struct image_uses *uses, const struct winst *inst)
{
	bool is_there = inst->run != RUN_ABSENT;
	bool is_had = inst->fetched_generation != 0;
	const char *had = is_had ? inst->digest : "";

	if (is_there || inst->record.is_wished)
		add(uses, inst, &inst->current,
		    is_there ? inst->status.digest : inst->record.digest);
	if (inst->record.is_wished &&
	    (inst->wish.generation != inst->current.generation || (is_there && is_had)))
		add(uses, inst, &inst->wish, had);
}

void image_uses_init(struct image_uses *uses, const struct worker *worker)
{
	*uses = (struct image_uses){ 0 };
	map_for_each(&worker->instances, i, e)
		add_instance(uses, e->value);
}

void image_uses_fini(struct image_uses *uses)
{
	for (size_t i = 0; i < uses->n; i++)
		free(uses->items[i].name);
	free(uses->items);
	*uses = (struct image_uses){ 0 };
}

/* "NAME@DIGEST" of an earlier image. */
static bool is_earlier_of(const struct image_row *row, const char *name)
{
	size_t n = strlen(name);

	return row->is_earlier && str_starts(row->name, name) && row->name[n] == '@';
}

static bool keeps(const struct image_use *use, const struct image_row *row)
{
	if (!row->name[0])
		return str_eq(use->digest, row->digest);
	if (is_earlier_of(row, use->name))
		return str_eq(use->digest, row->digest);
	return str_eq(use->name, row->name);
}

/* One instance may use an image by two specs. */
static bool is_first_of(const struct image_uses *uses, size_t index, const struct image_row *row)
{
	for (size_t i = 0; i < index; i++)
		if (uses->items[i].inst == uses->items[index].inst && keeps(&uses->items[i], row))
			return false;
	return true;
}

size_t image_uses_count(const struct image_uses *uses, const struct image_row *row,
			const struct winst **ret_first)
{
	size_t n = 0;

	for (size_t i = 0; i < uses->n; i++) {
		if (!keeps(&uses->items[i], row) || !is_first_of(uses, i, row))
			continue;
		if (n++ == 0 && ret_first)
			*ret_first = uses->items[i].inst;
	}
	return n;
}

void image_uses_names(const struct image_uses *uses, const struct image_row *row, struct strv *ret)
{
	for (size_t i = 0; i < uses->n; i++) {
		if (!keeps(&uses->items[i], row) || !is_first_of(uses, i, row))
			continue;
		auto_free char *name = image_user_name(uses->items[i].inst);
		strv_add(ret, name);
	}
}

char *image_user_name(const struct winst *inst)
{
	const struct msg_deploy *deploy = inst->record.is_wished ? &inst->wish : &inst->current;

	return xasprintf("%s.instance.%u", deploy->sname ? deploy->sname : inst->id,
			 deploy->instance_number);
}
