/* SPDX-License-Identifier: GPL-2.0-only */
/* Room that was promised to messages which have not arrived yet. */
#include "policy/reservation.h"

#include <string.h>

#include "common/units.h"
#include "policy/address.h"

#define PARTS (RESERVATION_S + 2)

void reservation_init(struct reservations *reservations, uint64_t salt)
{
	memset(reservations, 0, sizeof(*reservations));
	reservations->headroom = INT64_MAX;
	reservations->salt = salt;
}

static struct reservation_part *part_at(struct reservations *reservations, unsigned int i)
{
	return &reservations->parts[(reservations->first + i) % PARTS];
}

static int64_t part_bytes(const struct reservation_part *part)
{
	int64_t bytes = 0;

	for (int class = 0; class < CLASSES; class++)
		bytes += part->bytes[class];
	return bytes;
}

/* Release BYTES of PART, of its classes in turn. */
static void release_from(struct reservations *reservations, struct reservation_part *part,
			 int64_t bytes)
{
	reservations->released += (uint64_t)bytes;
	for (int class = 0; class < CLASSES; class++) {
		int64_t step = bytes < part->bytes[class] ? bytes : part->bytes[class];

		part->bytes[class] -= step;
		reservations->bytes[class] -= step;
		bytes -= step;
	}
}

static void drop_oldest(struct reservations *reservations)
{
	struct reservation_part *part = part_at(reservations, 0);

	release_from(reservations, part, part_bytes(part));
	reservations->first = (reservations->first + 1) % PARTS;
	reservations->count--;
}

static void release_old(struct reservations *reservations, int64_t now)
{
	reservations->second = now / NS_PER_S;
	while (reservations->count &&
	       reservations->second - part_at(reservations, 0)->second > RESERVATION_S)
		drop_oldest(reservations);
}

static void release_arrived(struct reservations *reservations, int64_t bytes)
{
	while (reservations->count && bytes > 0) {
		struct reservation_part *part = part_at(reservations, 0);
		int64_t held = part_bytes(part);

		if (bytes < held) {
			release_from(reservations, part, bytes);
			return;
		}
		drop_oldest(reservations);
		bytes -= held;
	}
}

static void set_low(struct reservations *reservations, int64_t headroom, int64_t now)
{
	reservations->low = headroom;
	reservations->low_ns = now;
}

void reservation_headroom(struct reservations *reservations, int64_t headroom, int64_t now)
{
	release_old(reservations, now);
	reservations->headroom = headroom;
	/* With nothing promised nothing can arrive: count from here. */
	if (!reservations->count || !reservations->low_ns ||
	    now - reservations->low_ns > RESERVATION_S * NS_PER_S) {
		set_low(reservations, headroom, now);
		return;
	}
	if (headroom >= reservations->low)
		return;
	release_arrived(reservations, reservations->low - headroom);
	set_low(reservations, headroom, now);
}

/* Of the bytes promised in spell I at most those that are in the line between mark and end. */
static int64_t spell_bytes(const struct reservations *reservations,
			   const struct reservation_address *entry, unsigned int i)
{
	uint64_t end = entry->spells[i].end;
	int64_t bytes = entry->spells[i].bytes;

	if (end <= reservations->released)
		return 0;
	return end - reservations->released < (uint64_t)bytes
		       ? (int64_t)(end - reservations->released)
		       : bytes;
}

static int64_t address_bytes(const struct reservations *reservations,
			     const struct reservation_address *entry)
{
	int64_t bytes = 0;

	for (unsigned int i = 0; i < RESERVATION_SPELLS; i++)
		bytes += spell_bytes(reservations, entry, i);
	return bytes;
}

/* The entry of HASH, or the one to be taken for it: that with the least promised. */
static struct reservation_address *find_address(struct reservations *reservations, uint64_t hash)
{
	struct reservation_address *set = reservations->addresses[hash % RESERVATION_SETS];
	struct reservation_address *least = set;
	int64_t bytes, least_bytes = INT64_MAX;

	for (unsigned int i = 0; i < RESERVATION_WAYS; i++) {
		if (set[i].hash == hash)
			return &set[i];
		bytes = address_bytes(reservations, &set[i]);
		if (bytes < least_bytes) {
			least = &set[i];
			least_bytes = bytes;
		}
	}
	return least;
}

/*
 * A slot of a spell is taken again four spells later, when the last promise of it is older than
 * RESERVATION_S and so released.
 */
static void note_address(struct reservations *reservations, struct reservation_address *entry,
			 uint64_t hash, int64_t size)
{
	int64_t spell = reservations->second / RESERVATION_SPELL_S;
	unsigned int i = (unsigned int)(spell % RESERVATION_SPELLS);

	if (entry->hash != hash)
		memset(entry, 0, sizeof(*entry));
	entry->hash = hash;
	/* Before the line grows: what is in it before the mark is no longer this one's. */
	entry->spells[i].bytes = spell_bytes(reservations, entry, i) + size;
	entry->spells[i].end = reservations->promised + (uint64_t)size;
}

static void promise(struct reservations *reservations, enum class class, int64_t size)
{
	struct reservation_part *part = NULL;

	if (reservations->count)
		part = part_at(reservations, reservations->count - 1);
	if (!part || part->second != reservations->second) {
		part = part_at(reservations, reservations->count++);
		*part = (struct reservation_part){ .second = reservations->second };
	}
	part->bytes[class] += size;
	reservations->bytes[class] += size;
	reservations->promised += (uint64_t)size;
}

/* What everyone, and what CLASS, has left: the smaller. All are below 2^63: no sums. */
static int64_t left_for(const struct reservations *reservations, enum class class)
{
	int64_t headroom = reservations->headroom, left = headroom;
	int64_t share = headroom - headroom / 4 - reservations->bytes[class];

	for (int other = 0; other < CLASSES; other++)
		left -= reservations->bytes[other];
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
		 const char *address)
{
	uint64_t hash = address_hash(address, reservations->salt);
	struct reservation_address *entry = NULL;
	int64_t share;

	if (size > left_for(reservations, class) / 2)
		return false;
	if (hash) {
		entry = find_address(reservations, hash);
		share = reservations->headroom / (class == CLASS_SUBMISSION ? 2 : 4);
		if (entry->hash == hash)
			share -= address_bytes(reservations, entry);
		if (size > share)
			return false;
	}
	if (entry)
		note_address(reservations, entry, hash, size);
	promise(reservations, class, size);
	return true;
}

bool reservation_take(struct reservations *reservations, enum class class, int64_t size,
		      const char *address, int64_t now)
{
	release_old(reservations, now);
	if (size <= 0 || !is_limited(reservations, class))
		return true;
	return take(reservations, class, size, address) || size <= small_size(reservations);
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

int64_t reservation_bytes(const struct reservations *reservations, enum class class)
{
	return reservations->bytes[class];
}
