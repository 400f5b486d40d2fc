/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration: its defaults, and what each option does. */
#include <arpa/inet.h>

#include "config_reading.h"

static void assert_default_rules(void)
{
	assert_int_equal(config.mode, MODE_ENFORCE);
	assert_string_equal(config.user, "spoolgate");
	assert_int_equal(config.ramp_ns, 60 * NS_PER_S);
	assert_int_equal(config.stuck_ns, 3600 * NS_PER_S);
	assert_int_equal(config.internal_count, 2);
	assert_string_equal(config.reply, "452 4.3.1 Insufficient system resources");
	assert_string_equal(config.state.path, "/run/spoolgate/state.sock");
	assert_int_equal(config.state.mode, 0660);
	assert_string_equal(config.state.group, "");
	assert_string_equal(config.state.admin, "");
	for (int level = 0; level < LEVELS; level++)
		for (int id = 0; id < CLASSES; id++) {
			bool defers = id == CLASS_INBOUND      ? level >= LEVEL_MEDIUM
				      : id == CLASS_SUBMISSION ? level == LEVEL_HIGH
							       : false;

			assert_int_equal(config.admission[level][id].kind,
					 defers ? VERDICT_DEFER : VERDICT_ACCEPT);
		}
}

static void test_gates(void **state)
{
	const struct config_gate *gate = config.gates;

	(void)state;
	take("");
	assert_int_equal(config.gate_count, 0);
	take("gate { }");
	assert_int_equal(config.gate_count, 1);
	assert_int_equal(gate->port_count, 1);
	assert_int_equal(gate->ports[0].number, 25);
	assert_int_equal(gate->ports[0].class, CLASS_INBOUND);
	assert_int_equal(gate->lease_ns, 15 * NS_PER_S);
	assert_string_equal(gate->host, "");
	assert_string_equal(gate->netns, "");
	assert_string_equal(gate->reply, "421 4.3.2 HOST Service not available, closing "
					 "transmission channel");
	take("gate { ports = {}  submission-ports = {65535}  lease = 5min  netns = '/run/netns/a'\n"
	     "reply = '421 4.3.2 x'  host = 'mx.example' }\ngate { ports = 2525 }");
	assert_int_equal(config.gate_count, 2);
	assert_int_equal(gate->port_count, 1);
	assert_int_equal(gate->ports[0].number, 65535);
	assert_int_equal(gate->ports[0].class, CLASS_SUBMISSION);
	assert_int_equal(gate->lease_ns, 300 * NS_PER_S);
	assert_string_equal(gate->netns, "/run/netns/a");
	assert_string_equal(gate->reply, "421 4.3.2 x");
	assert_string_equal(gate->host, "mx.example");
	assert_int_equal(gate[1].ports[0].number, 2525);
	assert_int_equal(gate[1].line, 3);
}

static void test_default(void **state)
{
	(void)state;
	memset(&config, 0x5a, sizeof(config));
	config_default(&config);
	assert_string_equal(config.file, "");
	assert_default_rules();
	assert_in_range(config.filesystem_count, 2, 5);
	assert_string_equal(config.filesystems[config.filesystem_count - 1].path, "/var/log");
	for (unsigned int i = 0; i < config.filesystem_count; i++) {
		assert_int_equal(config.filesystems[i].line, 0);
		assert_threshold(
			&config.filesystems[i].resources[RESOURCE_FREE_SPACE].enter[LEVEL_HIGH],
			"5% 2G");
	}
	assert_threshold(&config.host[RESOURCE_MEMORY_AVAILABLE].enter[LEVEL_MEDIUM], "10% 512M");
}

static void test_empty_file(void **state)
{
	static const char *const texts[] = { "", "\n", " ", "# only a comment", "/* */", "// x\n" };

	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		config_default(&before);
		snprintf(before.file, sizeof(before.file), "%s", file);
		take(texts[i]);
		assert_memory_equal(&config, &before, sizeof(config));
	}
}

static void test_resources(void **state)
{
	const struct thresholds *space, *inodes;

	(void)state;
	take("filesystem '/a' {\n"
	     "  free-space { medium = {\"10%\", \"1.5G\", '3G', 100B} leave-medium = 40%\n"
	     "               sustain = 500ms dwell = 5min }\n"
	     "  free-inodes { medium = off high = off }\n"
	     "}\n"
	     "filesystem \"/b/\" { free-inodes { high = \"100\" medium = 200 leave-high = 150 } }\n"
	     "memory { available { high = 1% } stall { medium = 1% } oom-kill { high = 1 } }\n");
	assert_int_equal(config.filesystem_count, 2);
	assert_string_equal(config.filesystems[1].path, "/b");
	assert_int_equal(config.filesystems[1].line, 6);
	space = &config.filesystems[0].resources[RESOURCE_FREE_SPACE];
	assert_threshold(&space->enter[LEVEL_MEDIUM], "10% 1536M 3G 100B");
	assert_threshold(&space->enter[LEVEL_HIGH], "5% 2G");
	assert_threshold(&space->leave[LEVEL_MEDIUM], "40%");
	assert_threshold(&space->leave[LEVEL_HIGH], "");
	assert_int_equal(space->sustain_ns, 500 * NS_PER_MS);
	assert_int_equal(space->dwell_ns, 300 * NS_PER_S);
	inodes = &config.filesystems[0].resources[RESOURCE_FREE_INODES];
	assert_threshold(&inodes->enter[LEVEL_MEDIUM], "");
	assert_threshold(&inodes->enter[LEVEL_HIGH], "");
	assert_int_equal(inodes->dwell_ns, 60 * NS_PER_S);
	inodes = &config.filesystems[1].resources[RESOURCE_FREE_INODES];
	assert_threshold(&inodes->enter[LEVEL_MEDIUM], "200");
	assert_threshold(&inodes->leave[LEVEL_HIGH], "150");
	assert_threshold(&config.host[RESOURCE_MEMORY_AVAILABLE].enter[LEVEL_HIGH], "1%");
	assert_threshold(&config.host[RESOURCE_MEMORY_STALL].enter[LEVEL_MEDIUM], "1%");
	assert_int_equal(config.host[RESOURCE_MEMORY_STALL].sustain_ns, 10 * NS_PER_S);
	assert_threshold(&config.host[RESOURCE_OOM_KILL].enter[LEVEL_HIGH], "1");
}

/* filesystem-error alone has a default leave. */
static void test_leave_goes_with_enter(void **state)
{
	const struct thresholds *errors;

	(void)state;
	take("filesystem '/a' { error { high = off } }\n"
	     "filesystem '/b' { error { high = 5min } }\n"
	     "filesystem '/c' { error { high = 5min leave-high = 6min } }\n"
	     "filesystem '/d' { }\n");
	errors = &config.filesystems[0].resources[RESOURCE_FILESYSTEM_ERROR];
	assert_threshold(&errors->enter[LEVEL_HIGH], "");
	assert_threshold(&errors->leave[LEVEL_HIGH], "");
	errors = &config.filesystems[1].resources[RESOURCE_FILESYSTEM_ERROR];
	assert_threshold(&errors->leave[LEVEL_HIGH], "5min");
	errors = &config.filesystems[2].resources[RESOURCE_FILESYSTEM_ERROR];
	assert_threshold(&errors->enter[LEVEL_HIGH], "5min");
	assert_threshold(&errors->leave[LEVEL_HIGH], "6min");
	errors = &config.filesystems[3].resources[RESOURCE_FILESYSTEM_ERROR];
	assert_threshold(&errors->leave[LEVEL_HIGH], "1min");
}

/* What takes mail: as said; else by the queue on it, else by its name; else nobody knows. */
static void test_mail(void **state)
{
	static const struct {
		const char *path, *option;
		enum config_mail mail;
	} rows[] = {
		{ "/var/spool/postfix", "", CONFIG_MAIL_YES },
		{ "/var/spool/exim4/input/", "", CONFIG_MAIL_YES },
		{ "/var/spool", "", CONFIG_MAIL_YES },
		{ "/var/spool/postfix-2", "", CONFIG_MAIL_UNKNOWN },
		{ "/var", "", CONFIG_MAIL_UNKNOWN },
		{ "/", "", CONFIG_MAIL_UNKNOWN },
		{ "/srv/mail", "", CONFIG_MAIL_UNKNOWN },
		{ "/var/log", "", CONFIG_MAIL_LOG },
		{ "/srv/logs/mail", "", CONFIG_MAIL_LOG },
		{ "/srv/blog", "", CONFIG_MAIL_UNKNOWN },
		{ "/var/log", "mail = true", CONFIG_MAIL_YES },
		{ "/var/spool/postfix", "mail = false", CONFIG_MAIL_NO },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		snprintf(text, sizeof(text), "filesystem \"%s\" { %s }", rows[i].path,
			 rows[i].option);
		take(text);
		assert_int_equal(config.filesystems[0].mail, rows[i].mail);
	}
	/* A queue's filesystem is the nearest above it. */
	take("filesystem \"/\" {}\nfilesystem \"/srv\" {}\nfilesystem \"/srv/q2\" {}\n"
	     "filesystem \"/var/log\" {}\nqueue \"/srv/q/deferred\" {}");
	assert_int_equal(config.filesystems[0].mail, CONFIG_MAIL_UNKNOWN);
	assert_int_equal(config.filesystems[1].mail, CONFIG_MAIL_YES);
	assert_int_equal(config.filesystems[2].mail, CONFIG_MAIL_UNKNOWN);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(config_takes_mail(&config, i), i == 1);
	/* Where nobody knows any, those that nobody knows anything of. */
	take("filesystem \"/srv\" {}\nfilesystem \"/data\" {}\nfilesystem \"/var/log\" {}");
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(config_takes_mail(&config, i), i < 2);
	refuse("filesystem \"/srv\" {\nmail = yes }",
	       ":2: 'yes' does not fit 'mail'; allowed: true, false");
}

/* Where a threshold stands, for what is said of it once the size is known. */
static void test_lines(void **state)
{
	const struct thresholds *space = &config.filesystems[0].resources[RESOURCE_FREE_SPACE];

	(void)state;
	take("filesystem \"/srv\" {\n free-space {\n  medium = {\"10%\",\n \"2G\"}\n"
	     "  leave-medium = \"12%\" } }");
	assert_int_equal(space->lines[LEVEL_MEDIUM], 3);
	assert_int_equal(space->leave_lines[LEVEL_MEDIUM], 5);
	assert_int_equal(space->lines[LEVEL_HIGH], 0);
}

static void test_queues(void **state)
{
	const struct thresholds *length;

	(void)state;
	take("queue '/var/spool/postfix/deferred/' {\n"
	     "  length { medium = 20000 high = \"50000\" leave-medium = 1000 dwell = 5min } }\n"
	     "queue '/q' { }\n");
	assert_int_equal(config.queue_count, 2);
	assert_string_equal(config.queues[0].path, "/var/spool/postfix/deferred");
	assert_string_equal(config.queues[1].path, "/q");
	assert_int_equal(config.queues[1].line, 3);
	length = &config.queues[0].resources[RESOURCE_QUEUE_LENGTH];
	assert_threshold(&length->enter[LEVEL_MEDIUM], "20000");
	assert_threshold(&length->enter[LEVEL_HIGH], "50000");
	assert_threshold(&length->leave[LEVEL_MEDIUM], "1000");
	assert_int_equal(length->dwell_ns, 300 * NS_PER_S);
	length = &config.queues[1].resources[RESOURCE_QUEUE_LENGTH];
	assert_threshold(&length->enter[LEVEL_MEDIUM], "");
	assert_threshold(&length->enter[LEVEL_HIGH], "");
	/* A queue alone leaves the filesystems at their default. */
	assert_true(config.filesystem_count >= 2);
}

/* The same thresholds as the host's, but for kills, of which any one counts. */
static void test_cgroup(void **state)
{
	const struct thresholds *cgroup = config.memory_cgroup.resources;

	(void)state;
	take("");
	assert_string_equal(config.memory_cgroup.path, "");
	take("memory { cgroup = '/system.slice/system-postfix.slice' available { high = 1% } }");
	assert_string_equal(config.memory_cgroup.path, "/system.slice/system-postfix.slice");
	assert_threshold(&cgroup[RESOURCE_MEMORY_AVAILABLE].enter[LEVEL_HIGH], "1%");
	assert_threshold(&config.host[RESOURCE_MEMORY_AVAILABLE].enter[LEVEL_HIGH], "1%");
	assert_threshold(&cgroup[RESOURCE_OOM_KILL].enter[LEVEL_MEDIUM], "");
	assert_threshold(&cgroup[RESOURCE_OOM_KILL].enter[LEVEL_HIGH], "0");
	assert_threshold(&config.host[RESOURCE_OOM_KILL].enter[LEVEL_HIGH], "");
	take("memory { cgroup = '/' }");
	assert_string_equal(config.memory_cgroup.path, "/");
	take("memory { cgroup = '/..a/b.service/...' oom-kill { high = off } }");
	assert_threshold(&cgroup[RESOURCE_OOM_KILL].enter[LEVEL_HIGH], "");
}

/* Thresholds whose order depends on the size, or that are equal, are the administrator's to choose.
 */
static void test_order_that_may_be(void **state)
{
	static const char *const blocks[] = {
		"free-space { medium = 3% }",
		"free-space { medium = 5% high = 5% }",
		"free-space { medium = 1G high = 20% }",
		"free-space { medium = off high = 50% }",
		"free-space { medium = 1% high = off }",
		"free-space { medium = 5% high = 4% leave-medium = 5% }",
		"free-space { medium = 5% high = 4% leave-medium = 1G }",
		"free-space { medium = {\"5%\", \"1G\"} high = {\"9%\", \"900M\"} }",
		"free-space { medium = 9% high = 1% leave-high = 20% leave-medium = 9.1% }",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < LENGTH(blocks); i++) {
		snprintf(text, sizeof(text), "filesystem '/a' { %s }", blocks[i]);
		take(text);
	}
}

static void test_rules(void **state)
{
	(void)state;
	take("mode = observe user = '' stuck = 1d\n"
	     "admission {\n"
	     "  medium { inbound = 'delay 10' submission = \"delay 300\" internal = \"delay 1\" }\n"
	     "  high { internal = defer }\n"
	     "  ramp = 90s\n"
	     "  reply = \"421 4.3.2 It's \\\"full\\\" \\\\ try later\"\n"
	     "}\n"
	     "state { address = 'unix:/tmp/s' mode = 0600 group = mail admin = 'post.master-1_' }\n");
	assert_int_equal(config.mode, MODE_OBSERVE);
	assert_string_equal(config.user, "");
	assert_int_equal(config.ramp_ns, 90 * NS_PER_S);
	assert_int_equal(config.stuck_ns, 24 * 3600 * NS_PER_S);
	assert_int_equal(config.admission[LEVEL_MEDIUM][CLASS_INBOUND].kind, VERDICT_DELAY);
	assert_int_equal(config.admission[LEVEL_MEDIUM][CLASS_INBOUND].delay_s, 10);
	assert_int_equal(config.admission[LEVEL_MEDIUM][CLASS_SUBMISSION].delay_s, 300);
	assert_int_equal(config.admission[LEVEL_MEDIUM][CLASS_INTERNAL].delay_s, 1);
	assert_int_equal(config.admission[LEVEL_HIGH][CLASS_INBOUND].kind, VERDICT_DEFER);
	assert_int_equal(config.admission[LEVEL_HIGH][CLASS_INTERNAL].kind, VERDICT_DEFER);
	assert_string_equal(config.reply, "421 4.3.2 It's \"full\" \\ try later");
	assert_string_equal(config.state.path, "/tmp/s");
	assert_int_equal(config.state.mode, 0600);
	assert_string_equal(config.state.group, "mail");
	assert_string_equal(config.state.admin, "post.master-1_");
	assert_string_equal(config.file, file);
	take("stuck = off admission { ramp = off }");
	assert_int_equal(config.ramp_ns, 0);
	assert_int_equal(config.stuck_ns, 0);
	take("admission { ramp = 0s }");
	assert_int_equal(config.ramp_ns, 0);
}

/* What closes at medium must not open at high by default. */
static void test_high_follows_medium(void **state)
{
	(void)state;
	take("admission { medium { internal = defer submission = 'delay 20' } }");
	assert_int_equal(config.admission[LEVEL_HIGH][CLASS_INTERNAL].kind, VERDICT_DEFER);
	assert_int_equal(config.admission[LEVEL_HIGH][CLASS_SUBMISSION].kind, VERDICT_DEFER);
	take("admission { medium { internal = 'delay 9' } high { inbound = defer } }");
	assert_int_equal(config.admission[LEVEL_HIGH][CLASS_INTERNAL].kind, VERDICT_DELAY);
	assert_int_equal(config.admission[LEVEL_HIGH][CLASS_INTERNAL].delay_s, 9);
	take("admission { medium { inbound = accept } high { inbound = accept } }");
	assert_int_equal(config.admission[LEVEL_HIGH][CLASS_INBOUND].kind, VERDICT_ACCEPT);
	assert_int_equal(config.admission[LEVEL_HIGH][CLASS_SUBMISSION].kind, VERDICT_DEFER);
}

static void test_networks(void **state)
{
	static const struct {
		const char *address; /* as it is kept */
		unsigned int prefix;
	} want[] = {
		{ "::ffff:10.0.0.0", 104 },
		{ "::ffff:192.0.2.25", 128 },
		{ "::ffff:192.0.2.128", 121 },
		{ "2001:db8::", 32 },
		{ "fe80::1", 128 },
		{ "::ffff:10.1.0.0", 112 },
		{ "2001:db8::", 127 },
	};
	char address[INET6_ADDRSTRLEN];

	(void)state;
	take("classes { internal = {\"10.0.0.0/8\", 192.0.2.25, '192.0.2.128/25',\n"
	     "  '2001:db8::/32', fe80::1, '::ffff:10.1.0.0/112', '2001:DB8::0/127'} }");
	assert_int_equal(config.internal_count, LENGTH(want));
	for (size_t i = 0; i < LENGTH(want); i++) {
		inet_ntop(AF_INET6, &config.internal[i].address, address, sizeof(address));
		assert_string_equal(address, want[i].address);
		assert_int_equal(config.internal[i].prefix, want[i].prefix);
	}
	take("classes { internal = {} }");
	assert_int_equal(config.internal_count, 0);
	take("classes { internal = '192.0.2.0/24' }");
	assert_int_equal(config.internal_count, 1);
	take("classes { }");
	assert_int_equal(config.internal_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gates),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_empty_file),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_leave_goes_with_enter),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_order_that_may_be),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_high_follows_medium),
		cmocka_unit_test(test_networks),
	};

	return cmocka_run_group_tests_name("config", tests, set_up, tear_down);
}
