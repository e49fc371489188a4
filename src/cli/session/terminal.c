/* termios(3) and the window's size. */
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/session/terminal.h"

void terminal_make_raw(struct terminal *terminal, int fd)
{
	struct termios raw;

	terminal->fd = -1;
	if (!isatty(fd) || tcgetattr(fd, &terminal->before) < 0)
		return;
	raw = terminal->before;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSADRAIN, &raw) == 0)
		terminal->fd = fd;
}

void terminal_restore(struct terminal *terminal)
{
	if (terminal->fd >= 0)
		tcsetattr(terminal->fd, TCSADRAIN, &terminal->before);
	terminal->fd = -1;
}

bool terminal_size(uint32_t *ret_rows, uint32_t *ret_columns)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 &&
	    ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		return false;
	*ret_rows = size.ws_row;
	*ret_columns = size.ws_col;
	return true;
}
