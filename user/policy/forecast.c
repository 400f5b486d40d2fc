/* SPDX-License-Identifier: GPL-2.0-only */
/* The fill rate of a filesystem. */
#include "policy/forecast.h"

static const struct forecast_sample *sample_at(const struct forecast *forecast, unsigned int i)
{
	return &forecast->samples[(forecast->first + i) % FORECAST_SAMPLES];
}

static double seconds(int64_t ns)
{
	return (double)ns / (double)NS_PER_S;
}

/* Bytes a second that were lost from A to B; negative where some were gained. */
static double rate_between(const struct forecast_sample *a, const struct forecast_sample *b)
{
	return (double)(a->available_bytes - b->available_bytes) / seconds(b->at_ns - a->at_ns);
}

/* The newest sample that is FORECAST_SPAN_NS older than the last; the count where none is. */
static unsigned int span_begin(const struct forecast *forecast)
{
	unsigned int last = forecast->count - 1, i = last;

	while (i > 0) {
		i--;
		if (sample_at(forecast, last)->at_ns - sample_at(forecast, i)->at_ns >=
		    FORECAST_SPAN_NS)
			return i;
	}
	return forecast->count;
}

/*
 * The slope of a line through all samples from BEGIN on, by least squares: filesystems that
 * allocate ahead (XFS) lose space in steps, which the two ends alone may straddle.
 */
static double span_rate(const struct forecast *forecast, unsigned int begin)
{
	const struct forecast_sample *origin = sample_at(forecast, begin);
	double n = forecast->count - begin, t = 0, v = 0, tt = 0, tv = 0;

	for (unsigned int i = begin; i < forecast->count; i++) {
		const struct forecast_sample *sample = sample_at(forecast, i);
		double at = seconds(sample->at_ns - origin->at_ns);
		double lost = (double)(origin->available_bytes - sample->available_bytes);

		t += at;
		v += lost;
		tt += at * at;
		tv += at * lost;
	}
	return (n * tv - t * v) / (n * tt - t * t);
}

/* From the lowest sample up to BEGIN, the latest of equals, to the last. */
static double low_rate(const struct forecast *forecast, unsigned int begin)
{
	const struct forecast_sample *low = sample_at(forecast, 0);

	for (unsigned int i = 1; i <= begin; i++)
		if (sample_at(forecast, i)->available_bytes <= low->available_bytes)
			low = sample_at(forecast, i);
	return rate_between(low, sample_at(forecast, forecast->count - 1));
}

static void measure(struct forecast *forecast)
{
	unsigned int begin = span_begin(forecast);
	double span, low;

	forecast->rate = 0;
	forecast->latest_rate = 0;
	if (forecast->count < 2)
		return;
	forecast->latest_rate = rate_between(sample_at(forecast, forecast->count - 2),
					     sample_at(forecast, forecast->count - 1));
	if (begin == forecast->count)
		return;
	span = span_rate(forecast, begin);
	low = low_rate(forecast, begin);
	forecast->rate = span < low ? span : low;
}

void forecast_add(struct forecast *forecast, int64_t available_bytes, int64_t now)
{
	struct forecast_sample *next;

	if (forecast->count &&
	    now - sample_at(forecast, forecast->count - 1)->at_ns < FORECAST_GAP_NS)
		return;
	while (forecast->count && (forecast->count == FORECAST_SAMPLES ||
				   now - sample_at(forecast, 0)->at_ns > FORECAST_MEMORY_NS)) {
		forecast->first = (forecast->first + 1) % FORECAST_SAMPLES;
		forecast->count--;
	}
	next = &forecast->samples[(forecast->first + forecast->count) % FORECAST_SAMPLES];
	*next = (struct forecast_sample){ now, available_bytes };
	forecast->count++;
	measure(forecast);
}

static int64_t time_at(double rate, int64_t available_bytes, int64_t floor_bytes)
{
	double ns;

	if (!(rate > 0))
		return VALUE_NEVER;
	if (available_bytes <= floor_bytes)
		return 0;
	ns = (double)(available_bytes - floor_bytes) / rate * (double)NS_PER_S;
	return ns < 9e18 ? (int64_t)ns : VALUE_NEVER;
}

int64_t forecast_ns(const struct forecast *forecast, int64_t available_bytes, int64_t floor_bytes)
{
	return time_at(forecast->rate, available_bytes, floor_bytes);
}

bool forecast_soon(const struct forecast *forecast, int64_t available_bytes, int64_t floor_bytes)
{
	return time_at(forecast->rate, available_bytes, floor_bytes) < FORECAST_SOON_NS ||
	       time_at(forecast->latest_rate, available_bytes, floor_bytes) < FORECAST_SOON_NS;
}
