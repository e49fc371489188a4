/* The node's network as its instances need it: joining and leaving it, and where addresses lead. */
#ifndef HOLM_WORKER_NETWORK_H
#define HOLM_WORKER_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

struct worker;
struct winst;

/* network.c */
void network_init(struct worker *worker);
void network_fini(struct worker *worker);
void network_setup(struct worker *worker);
void network_attach(struct winst *inst);
void network_detach(struct winst *inst);
/* Coalesces; returns the number of the publication that will carry the change. */
uint64_t network_publish(struct worker *worker);
/* Another instance of its service gets traffic. */
bool network_has_others(const struct winst *inst);
bool network_pick_ip(struct winst *inst);

/* look.c: asks whether it is as we made it, and makes again what is not; one question at a time. */
void look_begin(struct worker *worker);

#endif
