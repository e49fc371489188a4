/* Names of services and instances as a hosts file. */
#include <ctype.h>

#include "overlay/plan.h"

/* app.appns.service.servicens → service.servicens.app.appns; false if it has other than 4 parts. */
static bool format_name(const char *sname, char *out, size_t size)
{
	auto_strv struct strv parts = { 0 };

	strv_split(&parts, sname, ".");
	if (parts.n != 4)
		return false;
	snprintf(out, size, "%s.%s.%s.%s", parts.items[2], parts.items[3], parts.items[0],
		 parts.items[1]);
	for (char *p = out; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return true;
}

static int put_service(struct buf *out, const struct overlay_plan *plan,
		       const struct overlay_service *s)
{
	char name[APP_LABEL_MAX + 1 + 3 * (NAME_PART_MAX + 1)];
	char ip[IPV4_STR_MAX];
	int r = 0;

	if (!format_name(s->sname, name, sizeof(name)))
		return 0;
	if (s->rr_ip)
		r = buf_addf(out, "%s %s.%s\n", format_ipv4(s->rr_ip, ip), name, plan->domain);
	for (size_t i = 0; r == 0 && i < s->n_backends; i++)
		if (s->backends[i].instance_ip)
			r = buf_addf(out, "%s %u.%s.%s\n",
				     format_ipv4(s->backends[i].instance_ip, ip),
				     s->backends[i].number, name, plan->domain);
	return r;
}

int names_text(struct buf *out, const struct overlay_plan *plan, const struct overlay_table *table)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < table->n_services; i++)
		r = put_service(out, plan, &table->services[i]);
	return r;
}
