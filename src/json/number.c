/* Numbers as texts. Those of decimals are the shortest that read back as the same number, and have a point or an
 * exponent. */
#include <math.h>

#include "base/base.h"
#include "json/internal.h"
#include "json/library.h"

#define DIGITS_MIN \
	15 /* all decimals of so many are told apart by doubles; those of 17 tell doubles apart */
#define DIGITS_MAX   17
#define SHORT_MAX    1e15 /* ten to the power of DIGITS_MIN */
#define SHORT_LEAST  1e-4 /* smaller ones are written with an exponent */
#define DECIMALS_MAX 9

/* At least so many digits, in front of `end`; returns the first. */
static char *put_digits(char *end, uint64_t value, int least)
{
	for (int n = 0; n < least || value; n++) {
		*--end = (char)('0' + value % 10);
		value /= 10;
	}
	return end;
}

const char *int_format(int64_t value, char text[NUMBER_TEXT_MAX])
{
	char *at = text + NUMBER_TEXT_MAX - 1;

	*at = '\0';
	at = put_digits(at, value < 0 ? -(uint64_t)value : (uint64_t)value, 1);
	if (value < 0)
		*--at = '-';
	return at;
}

static const char *put_decimal(bool is_negative, uint64_t whole, uint64_t rest, int decimals,
			       char text[NUMBER_TEXT_MAX])
{
	char *at = text + NUMBER_TEXT_MAX - 1;

	*at = '\0';
	at = put_digits(at, rest, decimals);
	*--at = '.';
	at = put_digits(at, whole, 1);
	if (is_negative)
		*--at = '-';
	return at;
}

/* For those with few decimals, as most have that were measured; else NULL. The digits and the power of ten are exact
 * as doubles, so their quotient is the number that this text is read as. */
static const char *format_short(double value, char text[NUMBER_TEXT_MAX])
{
	double size = fabs(value);
	uint64_t power = 1;

	if (size < SHORT_LEAST)
		return NULL;
	for (int decimals = 1; decimals <= DECIMALS_MAX; decimals++) {
		power *= 10;
		if (size * (double)power >= SHORT_MAX)
			return NULL;
		uint64_t digits = (uint64_t)(size * (double)power + 0.5);
		if ((double)digits / (double)power == size)
			return put_decimal(value < 0, digits / power, digits % power, decimals,
					   text);
	}
	return NULL;
}

const char *double_format(double value, char text[NUMBER_TEXT_MAX])
{
	const char *found;
	bool is_same = false;

	if (!isfinite(value))
		return "null"; /* JSON has none */
	if (double_is_whole(value))
		return put_decimal(signbit(value), (uint64_t)fabs(value), 0, 1, text);
	found = format_short(value, text);
	for (int digits = DIGITS_MIN; !found && digits <= DIGITS_MAX && !is_same; digits++) {
		snprintf(text, NUMBER_TEXT_MAX, "%.*g", digits, value);
		json_t *back = json_loads(text, JSON_DECODE_ANY, NULL);
		is_same = json_number_value(back) == value;
		json_decref(back);
	}
	return found ? found : text;
}
