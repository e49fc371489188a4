/* Ids. */
#include "base/base.h"
#include "base/id.h"

void id_format(const uint8_t random[12], char out[ID_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < ID_LEN / 2; i++) {
		out[2 * i] = digits[random[i] >> 4];
		out[2 * i + 1] = digits[random[i] & 15];
	}
	out[ID_LEN] = '\0';
}

bool id_is_valid(const char *s)
{
	return s && strlen(s) == ID_LEN && strspn(s, "0123456789abcdef") == ID_LEN;
}
