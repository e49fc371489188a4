/* Which of an index's platforms serves a machine best (image spec, "platform variants"; the same
 * spellings and the same order as containerd's platforms package). */
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "image/private.h"

#define SCORE_SAME  1000 /* the same architecture; plus the level of its variant */
#define SCORE_OLDER 100  /* one that it runs besides its own */

static const struct {
	const char *given;
	const char *arch;
	const char *variant; /* unless one is given */
} spellings[] = {
	{ "x86_64", "amd64", "" }, { "x86-64", "amd64", "" }, { "aarch64", "arm64", "" },
	{ "armhf", "arm", "v7" },  { "armel", "arm", "v6" },  { "i386", "386", "" },
};

/* What the virtual machines are called that unikernels are built for. */
static const struct {
	const char *given;
	const char *os;
} monitors[] = {
	{ "qemu", "qemu" },      { "kvm", "qemu" }, { "fc", "fc" },
	{ "firecracker", "fc" }, { "xen", "xen" },  { "kraftcloud", "kraftcloud" },
};

bool platform_is_unikernel(const struct platform *p)
{
	for (size_t i = 0; i < ARRAY_LEN(monitors); i++)
		if (str_eq(p->os, monitors[i].os))
			return true;
	return false;
}

void platform_normalize(struct platform *p)
{
	for (size_t i = 0; i < ARRAY_LEN(monitors); i++)
		if (str_eq(p->os, monitors[i].given))
			STR_COPY(p->os, monitors[i].os);
	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		if (!str_eq(p->arch, spellings[i].given))
			continue;
		STR_COPY(p->arch, spellings[i].arch);
		if (!p->variant[0])
			STR_COPY(p->variant, spellings[i].variant);
	}
	if (p->variant[0] >= '0' && p->variant[0] <= '9') {
		char digits[sizeof(p->variant)];

		STR_COPY(digits, p->variant);
		snprintf(p->variant, sizeof(p->variant), "v%.30s", digits);
	}
	if (str_eq(p->arch, "arm") && !p->variant[0])
		STR_COPY(p->variant, "v7");
	if ((str_eq(p->arch, "arm64") && str_eq(p->variant, "v8")) ||
	    (str_eq(p->arch, "amd64") && str_eq(p->variant, "v1")))
		p->variant[0] = '\0';
}

bool platform_parse(const char *text, struct platform *ret)
{
	auto_strv struct strv parts = { 0 };
	struct platform p = { 0 };

	*ret = p;
	strv_split(&parts, text, "/");
	if (parts.n < 2 || parts.n > 3)
		return false;
	for (size_t i = 0; i < parts.n; i++)
		if (strlen(parts.items[i]) >= sizeof(p.os))
			return false;
	STR_COPY(p.os, parts.items[0]);
	STR_COPY(p.arch, parts.items[1]);
	STR_COPY(p.variant, parts.n > 2 ? parts.items[2] : "");
	platform_normalize(&p);
	*ret = p;
	return true;
}

/* "v3" → 30, "v8.2" → 82; "" is the first one of its architecture; -1 for a word. */
static int level_of(const struct platform *p)
{
	const char *v = p->variant;

	if (!*v)
		return str_eq(p->arch, "arm64") ? 80 : 10;
	if (v[0] != 'v' || v[1] < '0' || v[1] > '9')
		return -1;
	if (!v[2])
		return (v[1] - '0') * 10;
	if (v[2] == '.' && v[3] >= '0' && v[3] <= '9' && !v[4])
		return (v[1] - '0') * 10 + (v[3] - '0');
	return -1;
}

/* What a processor of one architecture usually runs of another one. */
static bool is_older(const struct platform *want, const struct platform *have)
{
	return (str_eq(want->arch, "amd64") && str_eq(have->arch, "386")) ||
	       (str_eq(want->arch, "arm64") && str_eq(have->arch, "arm"));
}

unsigned platform_score(const struct platform *want, const struct platform *have)
{
	int needed = level_of(have), level = level_of(want);

	if (!str_eq(want->os, have->os))
		return 0;
	if (!str_eq(want->arch, have->arch))
		return is_older(want, have) ? SCORE_OLDER + (needed > 0 ? (unsigned)needed : 0) : 0;
	if (str_eq(want->variant, have->variant))
		return 2 * SCORE_SAME;
	return needed > 0 && needed <= level ? SCORE_SAME + (unsigned)needed : 0;
}

#if defined(__x86_64__)
/* The psABI's levels; a processor of a cloud may lack any of these. */
static const char *amd64_level(void)
{
	unsigned a, b, c = 0, d, extended = 0;

	__builtin_cpu_init();
	__get_cpuid(1, &a, &b, &c, &d);
	__get_cpuid(0x80000001, &a, &b, &extended, &d);
	if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("ssse3") ||
	    !__builtin_cpu_supports("popcnt"))
		return "";
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
	    !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("fma") || !(c & bit_F16C) ||
	    !(c & bit_MOVBE) || !(extended & bit_LZCNT))
		return "/v2";
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
	    !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
	    !__builtin_cpu_supports("avx512vl"))
		return "/v3";
	return "/v4";
}

const char *platform_here(void)
{
	const char *level = amd64_level();

	return str_eq(level, "/v4")   ? "linux/amd64/v4"
	       : str_eq(level, "/v3") ? "linux/amd64/v3"
	       : str_eq(level, "/v2") ? "linux/amd64/v2"
				      : "linux/amd64";
}
#elif defined(__aarch64__)
const char *platform_here(void)
{
	return "linux/arm64";
}
#else
#error "a platform of image indexes for this architecture"
#endif
