#include "running.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

/* While another manager runs: what it manages may change, and another may have started. */
#define LOOK_AGAIN (5 * USEC_PER_SEC)
/* While none does: one may be started that touches nothing yet. */
#define LOOK_RARELY (60 * USEC_PER_SEC)
/* Between two looks that addresses of others ask for: each reads the list of processes. */
#define LOOK_PAUSE USEC_PER_SEC

static int on_again(sd_event_source *source, uint64_t usec, void *userdata);

/* ---- when to look ---- */

static void arm(struct running *running, usec_t when)
{
	int r;

	if (!running->again) {
		r = sd_event_add_time(core_event(running->core), &running->again, CLOCK_BOOTTIME,
				      when, USEC_PER_MSEC, on_again, running);
	} else {
		r = sd_event_source_set_time(running->again, when);
		if (r >= 0)
			r = sd_event_source_set_enabled(running->again, SD_EVENT_ONESHOT);
	}
	if (r < 0)
		log_error("cannot look at other managers again: %s", strerror(-r));
}

void running_wait(struct running *running)
{
	usec_t pause = running->count ? LOOK_AGAIN : LOOK_RARELY;

	running->soon = false;
	arm(running, usec_add(clock_boottime_usec(), pause));
}

static void look_soon(struct running *running)
{
	if (running->soon)
		return;
	running->soon = true;
	arm(running, MAX(usec_add(running->looked, LOOK_PAUSE), clock_boottime_usec()));
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct running *running = userdata;
	size_t before = running->count;

	if (!running->soon && !running->count && !managers_are_likely()) {
		running_wait(running);
		return 0;
	}
	running_look(running);
	if (before || running->count)
		running->changed(false, running->userdata);
	return 0;
}

/* An address that neither we nor the kernel by itself made. */
static bool is_by_somebody(const struct address *address)
{
	switch (address->protocol) {
	case AIOSNET_PROTOCOL:
	case IFAPROT_KERNEL_LO:
	case IFAPROT_KERNEL_RA:
	case IFAPROT_KERNEL_LL:
		return false;
	default:
		return true;
	}
}

/* Somebody gives a link an address, or takes one of ours away. A manager, or a person: the
 * processes tell. What others do among themselves on links of containers is left alone. */
static void on_observed(enum object_kind kind, enum observed_change change,
			const union object *before, const union object *after, void *userdata)
{
	struct running *running = userdata;
	const struct link *link;

	if (!running->automatic || !running->again || kind != OBJECT_ADDRESS ||
	    change == OBSERVED_CHANGED)
		return;
	if (change == OBSERVED_REMOVED && before->address.protocol != AIOSNET_PROTOCOL)
		return;
	if (change == OBSERVED_ADDED && !is_by_somebody(&after->address))
		return;
	link = observed_link(core_observed(running->core),
			     after ? after->address.link : before->address.link);
	if (link && manager_may_manage(link))
		look_soon(running);
}

/* ---- those that run ---- */

static int on_deferred(sd_event_source *source, void *userdata)
{
	struct running *running = userdata;

	core_publish(running->core, "manager.ended", NULL,
		     "a manager of the network has ended; what it left is taken over");
	running_look(running);
	running->changed(true, running->userdata);
	return 0;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct running *running = userdata;
	int r;

	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	r = running->deferred ? sd_event_source_set_enabled(running->deferred, SD_EVENT_ONESHOT)
			      : sd_event_add_defer(core_event(running->core), &running->deferred,
						   on_deferred, running);
	if (r < 0)
		log_error("cannot look at what a manager left: %s", strerror(-r));
	return 0;
}

/* Its end is an event: a look every few seconds would find it late. */
static sd_event_source *watch_end(struct running *running, pid_t pid)
{
	sd_event_source *source = NULL;
	int fd = pidfd_open(pid, 0), r;

	if (fd < 0)
		return NULL; /* it has ended, or the kernel cannot tell: the next look does */
	r = sd_event_add_io(core_event(running->core), &source, fd, EPOLLIN, on_end, running);
	if (r < 0 || sd_event_source_set_io_fd_own(source, true) < 0) {
		close(fd);
		return sd_event_source_disable_unref(source);
	}
	return source;
}

static void tell_of(struct core *core, const struct manager *manager)
{
	char command[128];

	manager_stop_command(manager, command, sizeof(command));
	core_publish(core, "manager.running",
		     json_pack("{s:s,s:i,s:s}", "name", manager_name(manager), "pid",
			       (int)manager->pid, "command", command),
		     "%s runs (pid %d): its links are left alone, but for those in intent; stop it "
		     "with: "
		     "%s",
		     manager_name(manager), (int)manager->pid, command);
}

static bool is_among(const struct manager *managers, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (managers[i].pid == pid)
			return true;
	return false;
}

static void remember_ended(struct running *running, const struct manager *known, size_t known_count)
{
	for (size_t i = 0; i < known_count; i++) {
		if (is_among(running->managers, running->count, known[i].pid))
			continue;
		if (running->ended_count == MANAGERS_MAX)
			memmove(running->ended, running->ended + 1,
				--running->ended_count * sizeof(running->ended[0]));
		running->ended[running->ended_count++] = known[i];
	}
}

static void unwatch(struct running *running)
{
	for (size_t i = 0; i < running->count; i++)
		running->ends[i] = sd_event_source_disable_unref(running->ends[i]);
	running->count = 0;
}

void running_look(struct running *running)
{
	struct manager known[MANAGERS_MAX];
	size_t known_count = running->count;

	memcpy(known, running->managers, sizeof(known));
	unwatch(running);
	running->count = managers_scan(running->managers);
	running->looked = clock_boottime_usec();
	for (size_t i = 0; i < running->count; i++) {
		const struct manager *manager = &running->managers[i];

		running->ends[i] = watch_end(running, manager->pid);
		if (!is_among(known, known_count, manager->pid))
			tell_of(running->core, manager);
	}
	remember_ended(running, known, known_count);
	running_wait(running);
}

bool running_manages(const struct running *running, const struct link *link)
{
	for (size_t i = 0; i < running->count; i++)
		if (manager_manages(&running->managers[i], link))
			return true;
	return false;
}

int running_init(struct running *running)
{
	return observed_add_handler(core_observed(running->core), on_observed, NULL, running);
}

void running_clear(struct running *running)
{
	unwatch(running);
	running->again = sd_event_source_disable_unref(running->again);
	running->deferred = sd_event_source_disable_unref(running->deferred);
}
