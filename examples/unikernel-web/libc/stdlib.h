/* lwIP includes it without needing anything of it in this configuration. */
#pragma once
