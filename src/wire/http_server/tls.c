/* What a TLS port shows and takes: certificate, versions, ciphers, protocol; and sockets as OpenSSL
 * reads and writes them. */
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/secret.h"
#include "wire/http_server/internal.h"
#include "wire/http_server/tls.h"

#define CHAIN_MAX 8 /* certificates behind the first */

struct tls {
	SSL_CTX *context;
	BIO_METHOD *method;
};

const char *tls_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason ? reason : "it ended";
}

int tls_meaning(SSL *ssl, int result, unsigned *ret_wants)
{
	switch (SSL_get_error(ssl, result)) {
	case SSL_ERROR_WANT_READ:
		*ret_wants = IO_READ;
		return TLS_WAIT;
	case SSL_ERROR_WANT_WRITE:
		*ret_wants = IO_WRITE;
		return TLS_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		return TLS_BROKEN;
	}
}

/* OpenSSL's own would raise SIGPIPE. */
static int socket_write(BIO *bio, const char *data, int len)
{
	ssize_t n = send((int)(intptr_t)BIO_get_data(bio), data, (size_t)len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(bio);
	return (int)n;
}

static int socket_read(BIO *bio, char *out, int size)
{
	ssize_t n = recv((int)(intptr_t)BIO_get_data(bio), out, (size_t)size, MSG_DONTWAIT);

	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	return (int)n;
}

static long socket_control(BIO *bio, int what, long number, void *arg)
{
	return what == BIO_CTRL_FLUSH;
}

/* A client that offers protocols without ours is refused (RFC 7301, 3.2). */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
			   const unsigned char *offered, unsigned offered_len, void *arg)
{
	static const unsigned char http[] = "\x08http/1.1";
	unsigned char *chosen = NULL;

	if (SSL_select_next_proto(&chosen, ret_len, http, sizeof(http) - 1, offered, offered_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Forward secrecy and authenticated ciphers in both versions. */
static SSL_CTX *make_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
		log_error("tls: %s", tls_reason());
		abort();
	}
	/* What clients do when they end without a word is for HTTP to judge. */
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
					     SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_COMPRESSION |
					     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	return context;
}

static BIO_METHOD *make_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "socket");

	if (!method || BIO_meth_set_write(method, socket_write) != 1 ||
	    BIO_meth_set_read(method, socket_read) != 1 ||
	    BIO_meth_set_ctrl(method, socket_control) != 1)
		abort();
	return method;
}

/* Without it OpenSSL would ask on the terminal. */
static int no_password(char *out, int size, int is_writing, void *arg)
{
	return -1;
}

static BIO *open_text(const struct secret *text)
{
	BIO *bio = BIO_new_mem_buf(text->bytes ? (const char *)text->bytes : "", (int)text->len);

	if (!bio)
		abort();
	return bio;
}

static int use_certificates(SSL_CTX *context, BIO *text, struct err *err)
{
	X509 *certificate = PEM_read_bio_X509(text, NULL, no_password, NULL);

	if (!certificate)
		return err_set(err, -EBADMSG, "no certificate in PEM");
	int is_used = SSL_CTX_use_certificate(context, certificate);
	X509_free(certificate);
	if (is_used != 1)
		return err_set(err, -EBADMSG, "certificate: %s", tls_reason());
	for (int n = 0; (certificate = PEM_read_bio_X509(text, NULL, no_password, NULL)); n++) {
		if (n < CHAIN_MAX && SSL_CTX_add0_chain_cert(context, certificate) == 1)
			continue;
		X509_free(certificate);
		return err_set(err, -EBADMSG, "chain of certificates: %s",
			       n < CHAIN_MAX ? tls_reason() : "too long");
	}
	ERR_clear_error(); /* the end of the text is an error, too */
	return 0;
}

static int use_key(SSL_CTX *context, BIO *text, struct err *err)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(text, NULL, no_password, NULL);

	if (!key)
		return err_set(err, -EBADMSG, "no private key in PEM without a password");
	int is_used = SSL_CTX_use_PrivateKey(context, key);
	EVP_PKEY_free(key);
	if (is_used != 1 || SSL_CTX_check_private_key(context) != 1)
		return err_set(err, -EBADMSG, "certificate and key: %s", tls_reason());
	return 0;
}

int http_server_set_identity(struct http_server *server, const struct secret *certificates,
			     const struct secret *key, struct err *err)
{
	SSL_CTX *context = make_context();
	BIO *certificates_text = open_text(certificates);
	BIO *key_text = open_text(key);

	ERR_clear_error();
	int r = use_certificates(context, certificates_text, err);
	if (r == 0)
		r = use_key(context, key_text, err);
	BIO_free(certificates_text);
	BIO_free(key_text);
	ERR_clear_error();
	if (r < 0) {
		SSL_CTX_free(context);
		return r;
	}
	if (!server->tls) {
		server->tls = NEW(struct tls);
		server->tls->method = make_method();
	}
	/* Connections have their own hold of the earlier one. */
	SSL_CTX_free(server->tls->context);
	server->tls->context = context;
	return 0;
}

struct tls *tls_free(struct tls *tls)
{
	if (!tls)
		return NULL;
	SSL_CTX_free(tls->context);
	BIO_meth_free(tls->method);
	free(tls);
	return NULL;
}

SSL *tls_accept(struct tls *tls, int fd)
{
	SSL *ssl = SSL_new(tls->context);
	BIO *bio = BIO_new(tls->method);

	if (!ssl || !bio)
		abort();
	BIO_set_data(bio, (void *)(intptr_t)fd);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	return ssl;
}
