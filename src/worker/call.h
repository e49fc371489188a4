/* Calls: a question to this node with one JSON answer, over a stream of kind "call".
 *
 *   {"kind":"call","call":NAME,"args":{…}}  →  {"progress":…}\n …  {"result":…}\n
 *
 * A handler is begun on the loop and answers once, at once or later, by call_reply() or
 * call_fail(); the call is gone then. If whoever asked has left, answers go nowhere. */
#ifndef HOLM_WORKER_CALL_H
#define HOLM_WORKER_CALL_H

#include "base/base.h"
#include "json/json.h"

struct worker;
struct stream;
struct call;

struct worker *call_worker(const struct call *call);
/* Whether somebody still waits for the answer. */
bool call_is_wanted(const struct call *call);
/* A step on the way: JSON text, the caller's no longer. */
void call_tell(struct call *call, char *take_json);
void call_reply(struct call *call, char *take_json);
void call_fail(struct call *call, const struct err *err);

#endif
