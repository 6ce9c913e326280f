#include "observed-internal.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int ethtool(int fd, const struct link *link, void *command)
{
	struct ifreq request = {.ifr_data = command};

	memcpy(request.ifr_name, link->name, sizeof(request.ifr_name));
	return ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

static void read_driver(int fd, const struct link *link, struct link_details *ret)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	if (ethtool(fd, link, &info) < 0)
		return;
	memcpy(ret->driver, info.driver, MIN(sizeof(ret->driver), sizeof(info.driver)) - 1);
}

/* The mode words follow the struct, and the kernel first wants to be told how many there are: asked
 * with none, it answers with the negated number (ethtool.h, struct ethtool_link_settings). */
static void read_speed(int fd, const struct link *link, struct link_details *ret)
{
	struct {
		struct ethtool_link_settings settings;
		uint32_t words[3 * 127];
	} request = {.settings = {.cmd = ETHTOOL_GLINKSETTINGS}};

	if (ethtool(fd, link, &request) < 0 || request.settings.link_mode_masks_nwords >= 0)
		return;
	request.settings.link_mode_masks_nwords = -request.settings.link_mode_masks_nwords;
	request.settings.cmd = ETHTOOL_GLINKSETTINGS;
	if (ethtool(fd, link, &request) < 0)
		return;
	if (request.settings.speed != (uint32_t)SPEED_UNKNOWN)
		ret->speed = request.settings.speed;
	ret->full_duplex = request.settings.duplex == DUPLEX_FULL;
}

int observed_link_details(struct observed *observed, const struct link *link,
			  struct link_details *ret)
{
	memset(ret, 0, sizeof(*ret));
	/* Opening a socket costs as much as both questions: one is kept. */
	if (observed->ethtool_fd < 0)
		observed->ethtool_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (observed->ethtool_fd < 0)
		return -errno;
	read_driver(observed->ethtool_fd, link, ret);
	read_speed(observed->ethtool_fd, link, ret);
	return 0;
}
