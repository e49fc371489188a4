/* Pure: words out of a line, values out of words. */
#include <string.h>

#include "cmdline.h"

struct words {
	char *word[CMDLINE_WORDS];
	size_t count;
};

/* A list value, `[ a b ]`, goes on over several words until its bracket closes. */
struct parameter {
	const char *name;
	size_t name_length;
	bool is_in_list;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes the quotes out of the word at `p` and returns where it ended. */
static char *cut_word(char *p, char **ret_after)
{
	char *to = p;
	char quote = '\0';

	for (; *p && (quote || !is_space(*p)); p++) {
		if (quote ? *p == quote : *p == '"' || *p == '\'')
			quote = quote ? '\0' : *p;
		else
			*to++ = *p;
	}
	*ret_after = *p ? p + 1 : p;
	return to;
}

static void split(char *line, struct words *ret)
{
	ret->count = 0;
	for (char *p = line;;) {
		char *after;

		while (is_space(*p))
			p++;
		if (!*p)
			return;
		ret->word[ret->count++] = p;
		if (ret->count == CMDLINE_WORDS)
			return;
		*cut_word(p, &after) = '\0';
		p = after;
	}
}

bool cmdline_parse_number(const char **text, uint64_t *ret_value)
{
	const char *p = *text;
	unsigned base = 10;
	uint64_t value = 0;
	const char *start;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	for (start = p;; p++) {
		unsigned digit = base;

		if (*p >= '0' && *p <= '9')
			digit = (unsigned)(*p - '0');
		else if (base == 16 && (*p | 0x20) >= 'a' && (*p | 0x20) <= 'f')
			digit = (unsigned)((*p | 0x20) - 'a' + 10);
		if (digit == base)
			break;
		if (value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	if (p == start)
		return false;
	*text = p;
	*ret_value = value;
	return true;
}

bool cmdline_parse_ipv4(const char **text, uint32_t *ret_address)
{
	const char *p = *text;
	uint32_t address = 0;

	for (int i = 0; i < 4; i++) {
		uint64_t part;

		if (i && *p++ != '.')
			return false;
		if (*p < '0' || *p > '9' || !cmdline_parse_number(&p, &part) || part > 255)
			return false;
		address = address << 8 | (uint32_t)part;
	}
	*text = p;
	*ret_address = address;
	return true;
}

static bool parse_whole_ipv4(const char *text, uint32_t *ret_address)
{
	return cmdline_parse_ipv4(&text, ret_address) && !*text;
}

static uint32_t mask_of(uint64_t prefix)
{
	return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

/* Ends the colon-separated field at `p` and returns the next one, or NULL. */
static char *next_field(char *p)
{
	p = strchr(p, ':');
	if (!p)
		return NULL;
	*p = '\0';
	return p + 1;
}

static bool parse_cidr(const char *p, struct cmdline_net *net)
{
	uint64_t prefix = 32;
	uint32_t address;

	if (!cmdline_parse_ipv4(&p, &address))
		return false;
	if (*p == '/') {
		p++;
		if (!cmdline_parse_number(&p, &prefix))
			return false;
	}
	if (*p || prefix > 32)
		return false;
	net->address = address;
	net->mask = mask_of(prefix);
	return true;
}

/* CIDR[:GW[:DNS0[:DNS1[:HOST[:DOMAIN]]]]], where a field may be empty. */
static bool parse_netdev_ip(char *value, struct cmdline_net *net)
{
	uint32_t *const addresses[] = { &net->gateway, &net->dns[0], &net->dns[1] };
	const char **const names[] = { &net->host, &net->domain };
	char *field = value, *next = next_field(field);
	bool is_good = parse_cidr(field, net);

	for (size_t i = 0; i < 3 && next; i++) {
		field = next;
		next = next_field(field);
		if (*field && !parse_whole_ipv4(field, addresses[i]))
			is_good = false;
	}
	for (size_t i = 0; i < 2 && next; i++) {
		field = next;
		next = next_field(field);
		if (*field)
			*names[i] = field;
	}
	return is_good;
}

/* SIZE@BASE:IRQ. Hosts that do not know how a kernel was built give each device under both
 * names; it is one. */
static bool parse_mmio(const char *p, struct cmdline *c)
{
	struct cmdline_mmio mmio;
	uint64_t irq;

	if (!cmdline_parse_number(&p, &mmio.size) || *p++ != '@')
		return false;
	if (!cmdline_parse_number(&p, &mmio.base) || *p++ != ':')
		return false;
	if (!cmdline_parse_number(&p, &irq) || irq > 255)
		return false;
	mmio.irq = (unsigned)irq;
	for (size_t i = 0; i < c->mmio_count; i++) {
		if (c->mmio[i].base == mmio.base)
			return true;
	}
	if (c->mmio_count == CMDLINE_MMIO)
		return false;
	c->mmio[c->mmio_count++] = mmio;
	return true;
}

static bool has_name(const struct parameter *p, const char *name)
{
	return p->name_length == strlen(name) && !strncmp(p->name, name, p->name_length);
}

static bool set_net(struct cmdline *c, const struct parameter *p, char *value)
{
	const struct variant *variant = c->variant;

	if (!variant->has_network)
		return true;
	if (has_name(p, "netdev.ip"))
		/* A list names one card each; this guest has one. */
		return variant->has_old_network || c->net.address ? true
								  : parse_netdev_ip(value, &c->net);
	if (has_name(p, "netdev.ipv4_addr"))
		return parse_whole_ipv4(value, &c->net.address);
	if (has_name(p, "netdev.ipv4_gw_addr"))
		return parse_whole_ipv4(value, &c->net.gateway);
	if (has_name(p, "netdev.ipv4_subnet_mask"))
		return parse_whole_ipv4(value, &c->net.mask);
	return true;
}

static bool set_parameter(struct cmdline *c, const struct parameter *p, char *value)
{
	if (!strncmp(p->name, "netdev.", 7))
		return set_net(c, p, value);
	if (has_name(p, "virtio_mmio.device") || has_name(p, "libvirtio_mmio.device"))
		return c->variant->has_mmio ? parse_mmio(value, c) : true;
	if (has_name(p, "vfs.fstab") && c->variant->has_files) {
		if (c->fstab_count == CMDLINE_FSTAB)
			return false;
		c->fstab[c->fstab_count++] = value;
	}
	if (has_name(p, "env.vars")) {
		if (c->env_count == CMDLINE_ENV)
			return false;
		c->env[c->env_count++] = value;
	}
	return true;
}

static bool begin_parameter(struct parameter *p, char *word, char **ret_value)
{
	char *equals = strchr(word, '=');

	if (!equals)
		return false;
	*p = (struct parameter){ .name = word, .name_length = (size_t)(equals - word) };
	*ret_value = equals + 1;
	if (**ret_value == '[') {
		p->is_in_list = true;
		(*ret_value)++;
	}
	return true;
}

static int parse_word(struct cmdline *c, struct parameter *p, char *word)
{
	char *value = word;
	size_t length;

	if (!p->is_in_list && !begin_parameter(p, word, &value))
		return 0;
	length = strlen(value);
	if (p->is_in_list) {
		if (length && value[length - 1] == ']') {
			value[--length] = '\0';
			p->is_in_list = false;
		}
		if (!length)
			return 0;
	}
	return set_parameter(c, p, value) ? 0 : 1;
}

static size_t find_separator(const struct words *words)
{
	for (size_t i = 1; i < words->count; i++) {
		if (!strcmp(words->word[i], "--"))
			return i;
	}
	return words->count;
}

int cmdline_parse(char *line, const struct variant *variant, struct cmdline *ret)
{
	struct parameter parameter = { 0 };
	struct words words;
	size_t separator, first;
	int bad = 0;

	memset(ret, 0, sizeof(*ret));
	ret->variant = variant;
	split(line, &words);
	separator = find_separator(&words);
	if (separator > 1 && separator < words.count) {
		for (size_t i = 1; i < separator; i++)
			bad += parse_word(ret, &parameter, words.word[i]);
		first = separator + 1;
	} else {
		first = 1;
	}
	while (first < words.count)
		ret->args[ret->arg_count++] = words.word[first++];
	return bad;
}

const char *cmdline_env(const struct cmdline *c, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < c->env_count; i++) {
		if (!strncmp(c->env[i], name, length) && c->env[i][length] == '=')
			return c->env[i] + length + 1;
	}
	return NULL;
}
