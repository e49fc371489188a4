/* Exceptions: told on the console, and the machine goes down as crashed. */
#pragma once

/* Loads the table of the entry points; interrupts stay off. */
void trap_init(void);
