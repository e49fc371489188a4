/* The name server: dnsmasq on the bridge's addresses.
 *
 * It runs in a session of its own and is found again by the record of its process, whose second line
 * is the command it was started with: a Holm that would start it otherwise replaces it. */
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/proc.h"
#include "loop/child.h"
#include "overlay/linux/linux.h"

#define STOP_TIMEOUT_MS 3000
#define START_TRIES     60 /* of 50 ms: it answers within a fraction of one */
#define TRY_MS          50
#define LOG_MAX         65536

static char *hosts_path(const struct overlay *ov)
{
	return path_join(ov->plan.run_dir, "hosts");
}

static char *record_path(const struct overlay *ov)
{
	return path_join(ov->state_dir, "nameserver");
}

static char *log_path(const struct overlay *ov)
{
	return path_join(ov->state_dir, "nameserver.log");
}

/* It listens on our bridge alone: "--interface" would add lo, where others serve names. What it does
 * not know below our domain does not exist; names without a dot never leave the host. */
static void command(const struct overlay *ov, struct strv *ret)
{
	auto_free char *hosts = hosts_path(ov);

	strv_add(ret, "dnsmasq");
	strv_add(ret, "--keep-in-foreground");
	strv_add(ret, "--conf-file=/dev/null");
	strv_add(ret, "--pid-file=");
	strv_add(ret, "--log-facility=-");
	strv_add(ret, "--user=nobody");
	strv_addf(ret, "--interface=%s", ov->plan.bridge);
	strv_add(ret, "--except-interface=lo");
	strv_add(ret, "--bind-dynamic");
	strv_add(ret, "--no-hosts");
	strv_addf(ret, "--addn-hosts=%s", hosts);
	strv_addf(ret, "--local=/%s/", ov->plan.domain);
	strv_add(ret, "--domain-needed");
	strv_add(ret, "--dns-loop-detect");
	strv_add(ret, "--cache-size=1000");
}

static bool find(const struct overlay *ov, const char *wanted, struct proc_id *ret, bool *is_wanted)
{
	auto_free char *path = record_path(ov);
	auto_strv struct strv lines = { 0 };
	auto_free char *text = NULL;
	struct err absent;

	if (file_read(path, LOG_MAX, &text, NULL, &absent) < 0)
		return false;
	strv_split(&lines, text, "\n");
	if (lines.n != 2 || proc_id_parse(lines.items[0], ret) < 0 || !proc_is_alive(ret))
		return false;
	*is_wanted = str_eq(lines.items[1], wanted);
	return true;
}

void nameserver_process(const struct overlay *ov, struct proc_id *ret)
{
	bool is_wanted;

	if (!find(ov, "", ret, &is_wanted))
		*ret = (struct proc_id){ 0 };
}

static int end(const struct proc_id *id, struct err *err)
{
	int r = proc_kill(id, SIGTERM, err);

	if (r == 0)
		r = proc_wait(id, STOP_TIMEOUT_MS, err);
	if (r != -ETIMEDOUT)
		return r;
	r = proc_kill(id, SIGKILL, err);
	return r < 0 ? r : proc_wait(id, STOP_TIMEOUT_MS, err);
}

/* One question about a name of our own, which it answers without asking anyone. */
static bool answers(int fd)
{
	static const uint8_t question[] = { 0x48, 0x4d, 1,   0,   0,   1,   0, 0, 0, 0, 0,
					    0,    4,    'h', 'o', 'l', 'm', 0, 0, 1, 0, 1 };
	uint8_t answer[512];

	if (send(fd, question, sizeof(question), 0) < 0)
		return false;
	ssize_t n = recv(fd, answer, sizeof(answer), 0);
	return n >= 12 && answer[0] == question[0] && answer[1] == question[1];
}

static int tell_end(const struct overlay *ov, struct err *err)
{
	auto_free char *path = log_path(ov);
	auto_free char *text = NULL;
	auto_strv struct strv lines = { 0 };
	struct err absent;

	if (file_read(path, LOG_MAX, &text, NULL, &absent) == 0)
		strv_split(&lines, text, "\n");
	return err_set(err, -ECHILD, "start name server: dnsmasq ended: %s",
		       lines.n ? lines.items[lines.n - 1] : "it said nothing");
}

static int await(const struct overlay *ov, const struct proc_id *id, struct err *err)
{
	auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t block = 0;
	unsigned prefix = 0;
	struct timeval timeout = { .tv_usec = TRY_MS * 1000 };

	if (fd < 0 || parse_cidr(ov->blocks.items[0], &block, &prefix) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return err_errno(err, "open socket");
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(53),
		.sin_addr.s_addr = htonl(overlay_gateway(block)),
	};
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_errno(err, "ask name server");
	for (int i = 0; i < START_TRIES; i++) {
		struct err ignored;

		if (answers(fd))
			return 0;
		/* A port that is not open yet refuses at once: this is the pause. */
		if (proc_wait(id, TRY_MS, &ignored) == 0)
			return tell_end(ov, err);
	}
	return err_set(err, -ETIMEDOUT, "start name server: dnsmasq does not answer on %s",
		       ov->plan.bridge);
}

static int record(const struct overlay *ov, const struct proc_id *id, const char *line,
		  struct err *err)
{
	auto_free char *path = record_path(ov);
	char text[PROC_ID_TEXT_MAX];

	proc_id_format(id, text);
	text[strcspn(text, "\n")] = '\0';
	auto_free char *both = xasprintf("%s\n%s\n", text, line);
	return file_write_atomic(path, both, strlen(both), 0600, err);
}

static int spawn(struct overlay *ov, const struct strv *argv, const char *line, struct err *err)
{
	auto_free char *log = log_path(ov);
	struct proc_id id = { 0 };
	int r = path_remove(log, err);

	if (r < 0)
		return r;
	r = child_spawn(&(struct child_spec){ .argv = argv->items,
					      .output_path = log,
					      .is_detached = true },
			&id, err);
	if (r < 0)
		return err_wrap(err, "start name server");
	r = record(ov, &id, line, err);
	if (r == 0)
		r = await(ov, &id, err);
	if (r < 0) {
		struct err ignored;

		end(&id, &ignored);
	}
	return r;
}

/* The file has to be there before dnsmasq looks; what is in it stays until the next table. */
static int make_hosts(const struct overlay *ov, struct err *err)
{
	auto_free char *hosts = hosts_path(ov);
	int r = dir_make(ov->plan.run_dir, 0755, err);

	if (r < 0 || path_exists(hosts))
		return r;
	return file_replace_public(hosts, "", err);
}

int nameserver_start(struct overlay *ov, struct err *err)
{
	auto_strv struct strv argv = { 0 };
	struct proc_id id;
	bool is_wanted = false;

	command(ov, &argv);
	auto_free char *line = strv_join(&argv, " ");
	if (find(ov, line, &id, &is_wanted)) {
		int r = is_wanted ? 0 : end(&id, err);

		if (r < 0 || is_wanted)
			return r;
	}
	int r = make_hosts(ov, err);
	return r < 0 ? r : spawn(ov, &argv, line, err);
}

/* Others of this node have folders beside it, with mounts that are theirs to remove; the last one
 * removes what holds them all. */
static int remove_hosts(const struct overlay *ov, struct err *err)
{
	auto_free char *hosts = hosts_path(ov);
	auto_free char *unfinished = xasprintf("%s.new", hosts);
	int r = path_remove(hosts, err);

	if (r == 0)
		r = path_remove(unfinished, err);
	if (r == 0 && rmdir(ov->plan.run_dir) < 0 && errno != ENOTEMPTY && errno != EEXIST &&
	    errno != ENOENT)
		return err_errno(err, "remove %s", ov->plan.run_dir);
	return r;
}

int nameserver_stop(struct overlay *ov, struct err *err)
{
	auto_free char *path = record_path(ov);
	auto_free char *log = log_path(ov);
	struct proc_id id;
	bool is_wanted;
	int r = find(ov, "", &id, &is_wanted) ? end(&id, err) : 0;

	if (r == 0)
		r = path_remove(path, err);
	if (r == 0)
		r = path_remove(log, err);
	if (r == 0)
		r = remove_hosts(ov, err);
	free(TAKE(ov->names));
	return r;
}

static int reload(struct overlay *ov, struct err *err)
{
	auto_strv struct strv argv = { 0 };
	struct proc_id id;
	bool is_wanted = false;

	command(ov, &argv);
	auto_free char *line = strv_join(&argv, " ");
	if (find(ov, line, &id, &is_wanted) && is_wanted)
		return proc_kill(&id, SIGHUP, err);
	return nameserver_start(ov, err);
}

int nameserver_publish(struct overlay *ov, const struct overlay_table *table, struct err *err)
{
	auto_free char *hosts = hosts_path(ov);
	auto_buf struct buf text;

	buf_init(&text, OVERLAY_TEXT_MAX);
	if (names_text(&text, &ov->plan, table) < 0)
		return err_set(err, -E2BIG, "write %s: too many names", hosts);
	if (str_eq(ov->names, text.data))
		return nameserver_start(ov, err);
	int r = dir_make(ov->plan.run_dir, 0755, err);
	if (r == 0)
		r = file_replace_public(hosts, text.data, err);
	if (r == 0)
		r = reload(ov, err);
	if (r < 0)
		return r;
	free(ov->names);
	ov->names = buf_take(&text);
	return 0;
}
