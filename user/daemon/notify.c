/* SPDX-License-Identifier: GPL-2.0-only */
/* The service manager. */
#include "common/units.h"
#include "daemon/notify.h"

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

void notify_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void notify_status(const char *status)
{
	sd_notifyf(0, "STATUS=%s", status);
}

void notify_reloading(int64_t now)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(now / 1000));
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void notify_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}

int64_t notify_interval_ns(void)
{
	uint64_t us;

	/* Half the time the service manager would wait. */
	return sd_watchdog_enabled(0, &us) > 0 ? (int64_t)us * 1000 / 2 : 0;
}

#else

void notify_ready(const char *status)
{
	(void)status;
}

void notify_status(const char *status)
{
	(void)status;
}

void notify_reloading(int64_t now)
{
	(void)now;
}

void notify_stopping(void)
{
}

void notify_alive(void)
{
}

int64_t notify_interval_ns(void)
{
	return 0;
}

#endif
