#include "base/pace.h"

uint64_t pace_take(struct pace *pace, uint64_t now_ms)
{
	uint64_t full_ms = pace->full_ms > now_ms ? pace->full_ms : now_ms;
	uint64_t tolerance_ms = pace->interval_ms * (pace->burst - 1);

	if (full_ms - now_ms > tolerance_ms)
		return full_ms - now_ms - tolerance_ms;
	pace->full_ms = full_ms + pace->interval_ms;
	return 0;
}
