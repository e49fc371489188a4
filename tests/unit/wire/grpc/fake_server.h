/* A gRPC server for tests: one thread, one connection after the other, behaviour by method.
 *
 *   /t/echo     each message back, status 0 at the client's end
 *   /t/count    N messages "0", "1", … for the request "N"
 *   /t/fail     trailers only: status 5, "no such thing: 50%"
 *   /t/early    status 8 after the first message, the client's side still open
 *   /t/huge     announces a message of 17 MiB
 *   /t/packed   a compressed message
 *   /t/silent   nothing
 *   /t/die      closes the connection
 *   /t/html     HTTP status 404 without a gRPC status */
#ifndef HOLM_TESTS_FAKE_SERVER_H
#define HOLM_TESTS_FAKE_SERVER_H

struct fake_server;
struct fake_server *fake_server_start(const char *socket_path);
void fake_server_stop(struct fake_server *server);
/* Connections accepted so far. */
int fake_server_connections(struct fake_server *server);

#endif
