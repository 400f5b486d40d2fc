/* SPDX-License-Identifier: GPL-2.0-only */
/* Room that was promised to messages which have not arrived yet. */
#include "policy/reservation.h"

#include <string.h>

#include "common/units.h"
#include "common/address.h"

/* When more of the headroom than this was written since it was looked at. */
#define LOOK_SHARE 8

void reservation_init(struct reservations *reservations, uint64_t salt)
{
	memset(reservations, 0, sizeof(*reservations));
	reservations->headroom = INT64_MAX;
	reservations->salt = salt;
}

static int64_t number_at(int64_t now)
{
	return now / (RESERVATION_SPELL_S * NS_PER_S);
}

/* The spell of NUMBER, which is not over for good; NULL where nothing happened in it. */
static struct reservation_spell *spell_of(struct reservations *reservations, int64_t number)
{
	struct reservation_spell *spell;

	if (number < 0)
		return NULL;
	spell = &reservations->spells[number % RESERVATION_SPELLS];
	return spell->number == number ? spell : NULL;
}

/* The present one, in the place of that of RESERVATION_SPELLS before. */
static struct reservation_spell *spell_now(struct reservations *reservations, int64_t now)
{
	int64_t number = number_at(now);
	struct reservation_spell *spell = &reservations->spells[number % RESERVATION_SPELLS];

	if (spell->number != number)
		*spell = (struct reservation_spell){ .number = number };
	return spell;
}

static double spell_bytes(const struct reservation_spell *spell)
{
	double bytes = 0;

	for (int class = 0; class < CLASSES; class ++)
		bytes += (double)spell->bytes[class];
	return bytes;
}

/* The share of SPELL's bytes that is still promised at NOW. By whole seconds: sums stay sums. */
static double spell_weight(const struct reservation_spell *spell, int64_t now)
{
	int64_t left_s = RESERVATION_S - (now - spell->mean_ns) / NS_PER_S;

	if (left_s <= 0)
		return 0;
	return left_s >= RESERVATION_S ? spell->kept : spell->kept * (double)left_s / RESERVATION_S;
}

void reservation_headroom(struct reservations *reservations, int64_t headroom, int64_t seen_ns)
{
	if (seen_ns != reservations->seen_ns || headroom == INT64_MAX) {
		reservations->gone = 0;
		reservations->written = 0;
	}
	reservations->headroom = headroom;
	reservations->seen_ns = seen_ns;
}

/* Of what was written in the last spells, the share that can have been promised in them. */
static double promised_share(struct reservations *reservations, int64_t now)
{
	double promised = 0, written = 0;

	for (int64_t i = 0; i < RESERVATION_WRITTEN; i++) {
		const struct reservation_spell *spell = spell_of(reservations, number_at(now) - i);

		if (!spell)
			continue;
		promised += spell_bytes(spell);
		written += (double)spell->written;
	}
	return promised < written ? promised / written : 1;
}

void reservation_written(struct reservations *reservations, int64_t bytes, int64_t now)
{
	double left;

	if (bytes <= 0)
		return;
	spell_now(reservations, now)->written += bytes;
	reservations->written += bytes;
	left = (double)bytes * promised_share(reservations, now);
	for (int64_t i = 0; i < RESERVATION_SPELLS && left > 0; i++) {
		struct reservation_spell *spell = spell_of(reservations, number_at(now) - i);
		double held = spell ? spell->kept * spell_bytes(spell) : 0;
		double step = left < held ? left : held;

		if (step <= 0)
			continue;
		reservations->gone += step * spell_weight(spell, now) / spell->kept;
		spell->kept -= step / spell_bytes(spell);
		if (spell->kept < 0)
			spell->kept = 0;
		left -= step;
	}
}

/* What of the headroom was written since the look that found it. */
static int64_t unseen_bytes(const struct reservations *reservations)
{
	return reservations->gone < (double)reservations->written ? (int64_t)reservations->gone
								  : reservations->written;
}

bool reservation_wants_look(const struct reservations *reservations)
{
	return reservations->headroom != INT64_MAX &&
	       unseen_bytes(reservations) > reservations->headroom / LOOK_SHARE;
}

static int64_t address_bytes(const struct reservations *reservations,
			     const struct reservation_address *entry, int64_t now)
{
	double bytes = 0;

	for (unsigned int i = 0; i < RESERVATION_SPELLS; i++)
		/* What is of a later round of the spells is not this one's. */
		if (entry->bytes[i] && reservations->spells[i].number <= entry->number)
			bytes += (double)entry->bytes[i] *
				 spell_weight(&reservations->spells[i], now);
	return (int64_t)bytes;
}

/* The entry of HASH, or the one to be taken for it: that with the least promised. */
static struct reservation_address *find_address(struct reservations *reservations, uint64_t hash,
						int64_t now)
{
	struct reservation_address *set = reservations->addresses[hash % RESERVATION_SETS];
	struct reservation_address *least = set;
	int64_t bytes, least_bytes = INT64_MAX;

	for (unsigned int i = 0; i < RESERVATION_WAYS; i++) {
		if (set[i].hash == hash)
			return &set[i];
		bytes = address_bytes(reservations, &set[i], now);
		if (bytes < least_bytes) {
			least = &set[i];
			least_bytes = bytes;
		}
	}
	return least;
}

static void note_address(struct reservation_address *entry, uint64_t hash, int64_t size,
			 int64_t number)
{
	if (entry->hash != hash || number - entry->number >= RESERVATION_SPELLS)
		*entry = (struct reservation_address){ .hash = hash, .number = number };
	while (entry->number < number)
		entry->bytes[++entry->number % RESERVATION_SPELLS] = 0;
	entry->bytes[number % RESERVATION_SPELLS] += size;
}

static void promise(struct reservation_spell *spell, enum class class, int64_t size, int64_t now)
{
	double before = spell_bytes(spell), share = (double)size / (before + (double)size);

	spell->mean_ns =
		before > 0 ? spell->mean_ns + (int64_t)((double)(now - spell->mean_ns) * share)
			   : now;
	spell->kept += (1 - spell->kept) * share;
	spell->bytes[class] += size;
}

int64_t reservation_bytes(const struct reservations *reservations, enum class class, int64_t now)
{
	double bytes = 0;

	for (unsigned int i = 0; i < RESERVATION_SPELLS; i++)
		bytes += (double)reservations->spells[i].bytes[class] *
			 spell_weight(&reservations->spells[i], now);
	return (int64_t)bytes;
}

/* What everyone, and what CLASS, has left: the smaller. All are below 2^63: no sums. */
static int64_t left_for(const struct reservations *reservations, enum class class, int64_t now)
{
	int64_t headroom = reservations->headroom, left = headroom - unseen_bytes(reservations);
	int64_t share = headroom - headroom / 4 - reservation_bytes(reservations, class, now);

	for (enum class other = 0; other < CLASSES; other++)
		left -= reservation_bytes(reservations, other, now);
	return share < left ? share : left;
}

static bool is_limited(const struct reservations *reservations, enum class class)
{
	return class != CLASS_INTERNAL && reservations->headroom != INT64_MAX;
}

/* Of the headroom, not of what is left of it: what others promise does not make it smaller. */
static int64_t small_size(const struct reservations *reservations)
{
	return reservations->headroom / RESERVATION_SMALL;
}

/* Promise a message its room, where class and address have as much left. */
static bool take(struct reservations *reservations, enum class class, int64_t size,
		 const char *address, int64_t now)
{
	uint64_t hash = address_hash(address, reservations->salt);
	struct reservation_address *entry = NULL;
	int64_t share;

	if (size > left_for(reservations, class, now) / 2)
		return false;
	if (hash) {
		entry = find_address(reservations, hash, now);
		share = reservations->headroom / (class == CLASS_SUBMISSION ? 2 : 4);
		if (entry->hash == hash)
			share -= address_bytes(reservations, entry, now);
		if (size > share)
			return false;
	}
	promise(spell_now(reservations, now), class, size, now);
	if (entry)
		note_address(entry, hash, size, number_at(now));
	return true;
}

bool reservation_take(struct reservations *reservations, enum class class, int64_t size,
		      const char *address, int64_t now)
{
	if (size <= 0 || !is_limited(reservations, class))
		return true;
	return take(reservations, class, size, address, now) || size <= small_size(reservations);
}

/* So much of SIZE as was promised to CLASS, and to ENTRY if there is one, in SPELL. */
static int64_t end_in(struct reservations *reservations, struct reservation_spell *spell,
		      struct reservation_address *entry, enum class class, int64_t size,
		      int64_t now)
{
	int64_t *own = entry ? &entry->bytes[spell->number % RESERVATION_SPELLS] : NULL;
	int64_t step = size < spell->bytes[class] ? size : spell->bytes[class];

	if (own && *own < step)
		step = *own;
	if (own)
		*own -= step;
	spell->bytes[class] -= step;
	reservations->gone += (double)step * spell_weight(spell, now);
	return step;
}

/* The newest first: of an address's messages of one size, the last is the one under way. */
void reservation_ended(struct reservations *reservations, enum class class, int64_t size,
		       const char *address, int64_t now)
{
	uint64_t hash = address_hash(address, reservations->salt);
	struct reservation_address *entry = hash ? find_address(reservations, hash, now) : NULL;

	if (size <= 0 || (entry && entry->hash != hash))
		return;
	for (int64_t i = 0; i < RESERVATION_SPELLS && size > 0; i++) {
		struct reservation_spell *spell = spell_of(reservations, number_at(now) - i);

		if (spell && (!entry || spell->number <= entry->number))
			size -= end_in(reservations, spell, entry, class, size, now);
	}
}

int64_t reservation_small(const struct reservations *reservations, enum class class)
{
	int64_t small;

	if (!is_limited(reservations, class))
		return INT64_MAX;
	/* Of its class's share, as the most that may ever come so. */
	small = small_size(reservations) - small_size(reservations) / 4;
	return small <= 0 ? 0 : INT64_C(1) << (63 - __builtin_clzll((unsigned long long)small));
}
