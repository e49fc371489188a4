/* Ids: 96 random bits in hex. */
#include "base/base.h"
#include "base/id.h"

void id_format(const uint8_t random[12], char out[ID_SIZE])
{
	for (size_t i = 0; i < ID_LEN / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", random[i]);
}

bool id_is_valid(const char *s)
{
	return strlen(s) == ID_LEN && strspn(s, "0123456789abcdef") == ID_LEN;
}
