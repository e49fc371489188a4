/* Private: looking after the network. */
#ifndef HOLM_WORKER_LOOK_H
#define HOLM_WORKER_LOOK_H

struct worker;

/* Asks whether it is as we made it, and makes again what is not; one question at a time. */
void look_begin(struct worker *worker);

#endif
