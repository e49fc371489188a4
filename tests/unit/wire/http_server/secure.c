/* OpenSSL, blocking. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/base.h"
#include "base/secret.h"
#include "secure.h"
#include "wire/certificate/certificate.h"
#include "wire/http_server/http_server.h"

#define DAY_S 86400u

struct identity {
	struct secret authority_key, authority, key, certificate;
};

struct secure {
	SSL_CTX *context;
	SSL *ssl;
};

struct identity *identity_new(void)
{
	struct identity *i = NEW(struct identity);
	auto_strv struct strv names = { 0 };
	uint64_t now = (uint64_t)time(NULL);
	struct certificate_wish wish = { "test authority", NULL, now - DAY_S, now + DAY_S };
	const struct certificate_issuer issuer = { &i->authority, &i->authority_key };
	struct err err;

	certificate_make_key(&i->authority_key);
	certificate_make_key(&i->key);
	int r = certificate_make_authority(&i->authority_key, &wish, &i->authority, &err);
	assert(r == 0);
	strv_add(&names, "127.0.0.1");
	strv_add(&names, "localhost");
	wish.common_name = "test";
	wish.names = &names;
	r = certificate_issue(&issuer, &i->key, &wish, &i->certificate, &err);
	assert(r == 0);
	return i;
}

struct identity *identity_free(struct identity *i)
{
	secret_fini(&i->authority_key);
	secret_fini(&i->authority);
	secret_fini(&i->key);
	secret_fini(&i->certificate);
	free(i);
	return NULL;
}

void identity_write_authority(const struct identity *i, const char *path)
{
	struct err err;
	int r = file_write_atomic(path, i->authority.bytes, i->authority.len, 0644, &err);

	assert(r == 0);
}

char *identity_pin(const struct identity *i)
{
	auto_certificate_facts struct certificate_facts facts = { 0 };
	struct err err;
	int r = certificate_read(&i->certificate, &facts, &err);

	assert(r == 0);
	return xstrdup(facts.pin);
}

void identity_show(const struct identity *i, struct http_server *server)
{
	struct err err;
	int r = http_server_set_identity(server, &i->certificate, &i->key, &err);

	assert(r == 0);
}

int identity_show_mixed(const struct identity *i, const struct identity *other,
			struct http_server *server, char *ret_message, size_t size)
{
	struct err err = { 0 };
	int r = http_server_set_identity(server, &i->certificate, &other->key, &err);

	str_copy(ret_message, size, err.msg);
	return r;
}

struct secure *secure_open(int fd, const struct secure_options *options)
{
	struct secure *s = NEW(struct secure);
	unsigned char offer[16];

	s->context = SSL_CTX_new(TLS_client_method());
	if (options && options->version) {
		SSL_CTX_set_security_level(s->context, 0);
		SSL_CTX_set_min_proto_version(s->context, options->version);
		SSL_CTX_set_max_proto_version(s->context, options->version);
	}
	if (options && options->ca_file) {
		SSL_CTX_load_verify_file(s->context, options->ca_file);
		SSL_CTX_set_verify(s->context, SSL_VERIFY_PEER, NULL);
		/* As Python 3.13 has it by default. */
		X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(s->context),
					    X509_V_FLAG_X509_STRICT);
	}
	s->ssl = SSL_new(s->context);
	if (options && options->protocol) {
		offer[0] = (unsigned char)strlen(options->protocol);
		memcpy(offer + 1, options->protocol, offer[0]);
		SSL_set_alpn_protos(s->ssl, offer, offer[0] + 1u);
	}
	SSL_set_fd(s->ssl, fd);
	if (SSL_connect(s->ssl) == 1)
		return s;
	return secure_free(s);
}

struct secure *secure_free(struct secure *s)
{
	if (!s)
		return NULL;
	SSL_free(s->ssl);
	SSL_CTX_free(s->context);
	ERR_clear_error();
	free(s);
	return NULL;
}

ssize_t secure_read(struct secure *s, void *out, size_t size)
{
	return SSL_read(s->ssl, out, (int)size);
}

ssize_t secure_write(struct secure *s, const void *data, size_t len)
{
	return SSL_write(s->ssl, data, (int)len);
}

void secure_end(struct secure *s)
{
	SSL_shutdown(s->ssl);
}

const char *secure_protocol(const struct secure *s)
{
	const unsigned char *text = NULL;
	unsigned len = 0;

	SSL_get0_alpn_selected(s->ssl, &text, &len);
	return len == 8 && memcmp(text, "http/1.1", 8) == 0 ? "http/1.1" : len ? "other" : "";
}

int secure_version(const struct secure *s)
{
	return SSL_version(s->ssl);
}

int secure_renegotiate(struct secure *s)
{
	return SSL_renegotiate(s->ssl) == 1 && SSL_do_handshake(s->ssl) == 1;
}
