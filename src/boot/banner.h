/* What this build calls itself, in the log's first line and in uname -v. */
#pragma once

#include "sys/doors.h"
#include "version.h"

#define VERSION_LINE "sallyport " VERSION " ENTRY=" ENTRY_NAME " git " GIT
